"""Small fleets as YAML, for lint to find fault with."""

import base64
import json
from typing import Any

from edgefleet.contracts.features import MOTOR_LEVEL1
from edgefleet.manifests.folder import read_files
from edgefleet.manifests.lint import Report, lint
from edgefleet.manifests.yaml_writer import write_document
from support.good_manifests import Json

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def make_object(kind: str, name: str, spec: Json, **metadata: Any) -> Json:
    """Returns a manifest."""
    whole = {"name": name, **metadata}
    return {"apiVersion": "edgefleet.io/v1alpha1", "kind": kind, "metadata": whole, "spec": spec}


def make_device(name: str, device_class: str = "esp32", labels: dict[str, str] | None = None, **spec: Any) -> Json:
    """Returns an EdgeDevice."""
    return make_object("EdgeDevice", name, {"deviceClass": device_class, **spec}, labels=labels or {"site": "one"})


def make_ring(name: str, labels: dict[str, str] | None = None, **spec: Any) -> Json:
    """Returns a RolloutRing that tracks ^1.0 unless told otherwise."""
    source = {} if {"after", "modelVersion", "track"} & spec.keys() else {"track": "^1.0"}
    selector = {"matchLabels": labels or {"site": "one"}}
    return make_object("RolloutRing", name, {"model": "motor", "selector": selector, **source, **spec})


def make_version(version: str = "1.0.0", model: str = "motor", **artifact: Any) -> Json:
    """Returns a ModelVersion with one artifact, signed unless told otherwise."""
    body = {"deviceClass": "esp32", "format": "tflite", "sha256": DIGEST, "sizeBytes": 5832, **artifact}
    body.setdefault("envelope", make_envelope(make_payload(version, model)))
    if body["envelope"] is None:
        del body["envelope"]
    tensors = {"inputs": [_tensor("x", [1, 4])], "outputs": [_tensor("y", [1, 1])]}
    spec = {"model": model, "version": version, "contract": tensors, "artifacts": [body]}
    return make_object("ModelVersion", f"{model}-{version}", spec)


def _tensor(name: str, shape: list[int]) -> Json:
    return {"name": name, "shape": shape, "dtype": "int8", "scale": 0.5, "zeroPoint": 0}


def make_payload(version: str = "1.0.0", model: str = "motor", **changes: Any) -> Json:
    """Returns the manifest that is signed for an artifact of `make_version`."""
    return {
        "schema": 1,
        "model": model,
        "version": version,
        "securityVersion": 1,
        "deviceClass": "esp32",
        "format": "tflite",
        "sha256": DIGEST,
        "sizeBytes": 5832,
        "arenaBytes": 2048,
        "ops": ["FULLY_CONNECTED"],
        "featureSchema": {"name": MOTOR_LEVEL1.name, "digest": MOTOR_LEVEL1.digest()},
        "inputs": [_tensor("x", [1, 4])],
        "outputs": [_tensor("y", [1, 1])],
        "vectors": [{"input": "AAAAAA==", "output": "AA=="}],
        "toleranceLsb": 0,
        "preflight": {"tool": "edgefleet-preflight", "version": "0.1.0", "passed": True, "evidence": DIGEST},
        **changes,
    }


def make_envelope(payload: Json) -> Json:
    """Returns an envelope around `payload`; its signature is nobody's, as lint holds no keys."""
    return {
        "payloadType": "application/vnd.edgefleet.manifest.v1+json",
        "payload": base64.b64encode(json.dumps(payload).encode()).decode(),
        "signatures": [{"keyid": "0123456789abcdef", "sig": "A" * 86 + "=="}],
    }


def make_classes(**classes: Json) -> Json:
    """Returns the ConfigMap of device classes; esp32 is there unless given."""
    esp32 = {
        "runtime": "tflm",
        "transport": "device",
        "slotBytes": 65536,
        "arenaBytes": 16384,
        "ops": ["FULLY_CONNECTED", "LOGISTIC"],
    }
    texts = {name.replace("_", "-"): write_document(body) for name, body in ({"esp32": esp32} | classes).items()}
    return make_config("device-classes", texts)


def make_config(config: str, data: dict[str, str]) -> Json:
    """Returns a ConfigMap of ours."""
    metadata = {"name": config, "labels": {"edgefleet.io/config": config}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def lint_objects(*objects: Json, against: tuple[Json, ...] | None = None) -> Report:
    """Lints the objects as one file, `fleet.yaml`."""
    reading = read_files({"fleet.yaml": to_yaml(objects)})
    return lint(reading, read_files({"fleet.yaml": to_yaml(against)}) if against is not None else None)


def to_yaml(objects: tuple[Json, ...]) -> bytes:
    """Returns the objects as a YAML stream."""
    return "---\n".join(write_document(entry) for entry in objects).encode()


def said(report: Report) -> list[str]:
    """Returns "severity rule where field" of each finding."""
    return [f"{found.severity} {found.rule} {found.where} {found.field}".rstrip() for found in report.findings]
