"""Examples of every document, the smallest and the fullest, and the TEST-ONLY keys that sign the golden vectors."""

import base64
import copy
import hashlib
import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from edgefleet.contracts.features import MOTOR_LEVEL1
from edgefleet.contracts.keys import BundledKey, SigningKey

DEVICE: Final = "esp32-0001"
OTHER_DEVICE: Final = "esp32-0002"
DEVICE_CLASS: Final = "esp32-tflm"
GENERATION: Final = (7 << 32) | 42
FIRMWARE: Final = "1.4.0"
OPS: Final = ("CONV_2D", "FULLY_CONNECTED", "SOFTMAX")
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def to_json(tree: Any) -> bytes:
    """Return JSON as a sender other than `codec.encode` might write it."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def _key(label: str) -> SigningKey:
    """Derive a key that everyone knows: never trust it outside of tests."""
    scalar = int.from_bytes(hashlib.sha256(f"edgefleet TEST ONLY key {label}".encode()).digest())
    return SigningKey(ec.derive_private_key(scalar % (_P256_ORDER - 1) + 1, ec.SECP256R1()))


ASSIGNMENT_A: Final = _key("assignment-a")
ASSIGNMENT_B: Final = _key("assignment-b")
RELEASE_A: Final = _key("release-a")
RELEASE_B: Final = _key("release-b")
STRANGER: Final = _key("stranger")


def digest_of(label: str) -> str:
    """Return a plausible SHA-256 for a label."""
    return hashlib.sha256(label.encode()).hexdigest()


def pem_of(label: str, length: int) -> str:
    """Return text that is shaped like PEM, `length` characters of it, and means nothing."""
    head, tail = f"-----BEGIN {label}-----\n", f"-----END {label}-----\n"
    room = length - len(head) - len(tail)
    noise = b"".join(hashlib.sha256(f"{label} {i}".encode()).digest() for i in range(room // 32 + 1))
    text = base64.b64encode(noise).decode("ascii")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return head + lines[: room - 1].rstrip("\n").ljust(room - 1, "=") + "\n" + tail


def _tensor(name: str, width: int) -> dict[str, Any]:
    return {"name": name, "shape": [1, width], "dtype": "int8", "scale": 0.00390625, "zeroPoint": -128}


_MANIFEST: Final[dict[str, Any]] = {
    "schema": 1,
    "model": "motor-anomaly",
    "version": "1.2.0-rc.1+build.7",
    "securityVersion": 3,
    "deviceClass": DEVICE_CLASS,
    "format": "tflite",
    "sha256": digest_of("model"),
    "sizeBytes": 11148,
    "arenaBytes": 20480,
    "ops": ["CONV_2D", "FULLY_CONNECTED"],
    "featureSchema": {"name": MOTOR_LEVEL1.name, "digest": MOTOR_LEVEL1.digest()},
    "inputs": [_tensor("serving_default_input:0", 4)],
    "outputs": [_tensor("StatefulPartitionedCall:0", 1)],
    "vectors": [{"input": "AAECAw==", "output": "fw=="}],
    "toleranceLsb": 2,
    "minFirmware": "1.3.0",
    "preflight": {
        "tool": "edgefleet-preflight",
        "version": "0.1.0",
        "passed": True,
        "evidence": digest_of("evidence"),
    },
}


def manifest_payload() -> bytes:
    """Return the manifest that the sample assignment names, as signed."""
    return to_json(_MANIFEST)


_SETTINGS: Final[dict[str, Any]] = {
    "anomalyThreshold": 0.75,
    "hysteresisWindows": 5,
    "samplePeriodMs": 20,
    "telemetryPeriodMs": 1000,
    "role": "level1",
    "sources": ["esp32-0002", "esp32-0003"],
}
_MANIFEST_DIGEST: Final = hashlib.sha256(manifest_payload()).hexdigest()
_ASSIGNMENT: Final[dict[str, Any]] = {
    "schema": 1,
    "deviceID": DEVICE,
    "generation": GENERATION,
    "manifestDigest": _MANIFEST_DIGEST,
    "settings": _SETTINGS,
    "jitterSeconds": 30,
    "commission": "2026-11-21_a",
}
_INSTALLED: Final[dict[str, Any]] = {
    "model": "motor-anomaly",
    "version": "1.2.0",
    "digest": digest_of("model"),
    "manifestDigest": _MANIFEST_DIGEST,
    "slot": "a",
}
_REPORTED: Final[dict[str, Any]] = {
    "schema": 1,
    "deviceID": DEVICE,
    "enrolmentId": "Zm9vYmFy_1",
    "bootCount": 12,
    "seq": 3456,
    "firmwareVersion": FIRMWARE,
    "observedGeneration": GENERATION,
    "phase": "RolledBack",
    "reason": "SelfTestFailed",
    "message": "vector 3: 9 LSB, 2 allowed - é 𝄞",
    "attempts": 2,
    "active": _INSTALLED,
    "previous": {**_INSTALLED, "version": "1.1.0", "slot": "b"},
    "settings": _SETTINGS,
    "capabilities": {
        "ramBytes": 327680,
        "slotBytes": 262144,
        "arenaBytes": 65536,
        "runtime": "tflm",
        "accelerator": "none",
        "opsProfile": "tflm-core",
        "ops": list(OPS),
    },
    "fallback": False,
    "arenaUsedBytes": 18432,
    "selfTest": {"passed": 3, "total": 4, "maxLsb": 9},
    "latencyUs": 8123,
    "baseline": {"token": "2026-11-21_a", "windows": 600, "means": [0.5, -1, 2e-3], "stds": [0.1, 1, 4]},
    "keyIds": [ASSIGNMENT_A.public.keyid, RELEASE_A.public.keyid],
    "securityFloor": 3,
}
_TELEMETRY: Final[dict[str, Any]] = {
    "schema": 1,
    "deviceID": DEVICE,
    "current": 0.83,
    "temperature": 41,
    "vibration": -0.02,
    "sound": 1.5e2,
    "fft_data": "true",
    "boot": 12,
    "seq": 3456,
    "ts": 1795000000123,
    "messageId": "12-3456",
    "features": [0.1, 2, -3.25, 1e-7],
}
_RESULT: Final[dict[str, Any]] = {
    "schema": 1,
    "deviceID": DEVICE,
    "reporter": "coral-01",
    "boot": 12,
    "seq": 3456,
    "ts": 1795000000123,
    "model": "motor-anomaly",
    "version": "1.2.0",
    "digest": digest_of("model"),
    "score": 0.91,
    "threshold": 0.75,
    "anomalous": True,
}


def _bundled(key: SigningKey) -> dict[str, Any]:
    return BundledKey.of(key.public).to_tree()


_KEY_BUNDLE: Final[dict[str, Any]] = {
    "schema": 1,
    "version": 4,
    "releaseKeys": [_bundled(RELEASE_A), _bundled(RELEASE_B)],
    "assignmentKeys": [_bundled(ASSIGNMENT_A), _bundled(ASSIGNMENT_B)],
}


def _envelope() -> dict[str, Any]:
    return seal(Kind.ASSIGNMENT, to_json(_ASSIGNMENT), [ASSIGNMENT_A]).to_tree()


# The fullest example of each kind has every field of every object; the tests hold it to that.
_FULL: Final[dict[Kind, dict[str, Any]]] = {
    Kind.DESIRED: {
        "schema": 1,
        "command": "download-model",
        "payload": "motor-anomaly-1.2.0.tflite",
        "manifest": {"digest": _MANIFEST_DIGEST, "sizeBytes": 1432},
        "assignment": _envelope(),
    },
    Kind.ASSIGNMENT: _ASSIGNMENT,
    Kind.ENVELOPE: seal(Kind.MANIFEST, manifest_payload(), [RELEASE_A, RELEASE_B]).to_tree(),
    Kind.MANIFEST: _MANIFEST,
    Kind.KEY_BUNDLE: _KEY_BUNDLE,
    Kind.REPORTED: _REPORTED,
    Kind.PRESENCE: {
        "schema": 1,
        "deviceID": DEVICE,
        "status": "online",
        "enrolmentId": "Zm9vYmFy_1",
        "bootCount": 12,
    },
    Kind.TELEMETRY: _TELEMETRY,
    Kind.ANOMALY: {**_RESULT, "valve": "closed"},
    Kind.ALERT: {**_RESULT, "latencyMs": 37},
    Kind.CONTROL: {"schema": 1, "command": "train-model", "payload": "1795000000.csv", "model": "motor-anomaly"},
    Kind.PROVISION_REQUEST: {
        "schema": 1,
        "deviceID": DEVICE,
        "claim": "q8Zt1-claim_of-a-device",
        "csr": pem_of("CERTIFICATE REQUEST", 600),
    },
    Kind.PROVISION_ANSWER: {
        "schema": 1,
        "certificate": pem_of("CERTIFICATE", 1200) + pem_of("CERTIFICATE", 900),
        "keys": _KEY_BUNDLE,
    },
    Kind.ACTIVATION_REQUEST: {"schema": 1, "deviceID": DEVICE},
    Kind.ACTIVATION_ANSWER: {"schema": 1, "activated": False, "retryAfterSeconds": 30},
    Kind.LABELS: {
        "schema": 1,
        "deviceID": DEVICE,
        "from": "2028-02-29T23:59:59.5Z",
        "to": "2028-03-01T00:00:00Z",
        "state": "bearing-fault",
        "source": "simulator",
    },
}
_OPTIONAL: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.DESIRED: ("manifest",),
    Kind.ASSIGNMENT: ("manifestDigest", "settings", "jitterSeconds", "commission"),
    Kind.MANIFEST: ("minFirmware",),
    Kind.REPORTED: (
        *("message", "attempts", "active", "previous", "settings", "fallback", "arenaUsedBytes"),
        *("selfTest", "latencyUs", "baseline"),
    ),
    Kind.TELEMETRY: ("schema", "fft_data", "boot", "seq", "ts", "messageId", "features"),
    Kind.ANOMALY: ("reporter", "valve"),
    Kind.ALERT: ("reporter", "latencyMs"),
    Kind.CONTROL: ("schema", "model"),
    Kind.LABELS: ("schema",),
    Kind.ACTIVATION_ANSWER: ("retryAfterSeconds",),
}


def full(kind: Kind) -> dict[str, Any]:
    """Return a fresh copy of the example with every field."""
    return copy.deepcopy(_FULL[kind])


def minimal(kind: Kind) -> dict[str, Any]:
    """Return a fresh copy of the example with only the required top-level fields."""
    return {name: value for name, value in full(kind).items() if name not in _OPTIONAL.get(kind, ())}
