"""Manifests of models, signed: what a publisher uploads."""

import hashlib
from collections.abc import Sequence
from typing import Any

from edgefleet.contracts.codec import encode
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from edgefleet.contracts.features import MOTOR_LEVEL1
from edgefleet.contracts.keys import SigningKey
from edgefleet.contracts.manifest import FeatureSchema, GoldenVector, Manifest, Preflight, Tensor


def make_manifest(model: bytes, **changes: Any) -> Manifest:
    """Return a valid manifest of a model's bytes; fields can be changed."""
    tensor = Tensor(name="x", shape=(1, 4), dtype="int8", scale=0.5, zero_point=0)
    fields: dict[str, Any] = {
        "model": "motor-anomaly",
        "version": "1.0.0",
        "security_version": 1,
        "device_class": "esp32",
        "format": "tflite",
        "sha256": hashlib.sha256(model).hexdigest(),
        "size_bytes": len(model),
        "arena_bytes": 4096,
        "ops": ("FULLY_CONNECTED",),
        "feature_schema": FeatureSchema(name=MOTOR_LEVEL1.name, digest=MOTOR_LEVEL1.digest()),
        "inputs": (tensor,),
        "outputs": (tensor,),
        "vectors": (GoldenVector(input="AAECAw==", output="AAECAw=="),),
        "tolerance_lsb": 1,
        "preflight": Preflight(tool="edgefleet-preflight", version="0.1.0", evidence="0" * 64),
    }
    return Manifest(**fields | changes)


def seal_manifest(manifest: Manifest, keys: Sequence[SigningKey]) -> tuple[str, bytes]:
    """Sign a manifest; return its digest (of the payload) and the envelope's bytes."""
    payload = encode(manifest)
    return hashlib.sha256(payload).hexdigest(), encode(seal(Kind.MANIFEST, payload, keys))
