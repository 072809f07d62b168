"""A cluster as `kubectl get` prints it: the plant's twelve motors on 1.0.0, for what is planned against it."""

import hashlib
import json
from typing import Any

from edgefleet.domain.rollout.targets import digest_version
from support.fleets import make_classes, make_device, make_envelope, make_payload, make_ring, make_version
from support.good_manifests import Json

MODEL = "motor-anomaly"
NOW = "2026-11-21T06:00:00Z"
BEFORE = "2026-11-20T06:00:00Z"
FLUX = {"kustomize.toolkit.fluxcd.io/name": "fleet", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}


def digest(version: str, device_class: str = "esp32") -> str:
    """Returns the digest of a version's artifact."""
    text = version if device_class == "esp32" else f"{device_class} {version}"
    return hashlib.sha256(text.encode()).hexdigest()


def target(version: str) -> Json:
    """Returns a ring's target."""
    return {"version": version, "digest": digest_version([("esp32", digest(version))])}


def version(name: str, *, size: int = 5832, **payload: Any) -> Json:
    """Returns a signed ModelVersion."""
    sealed = make_payload(name, MODEL, sha256=digest(name), sizeBytes=size, **payload)
    made = make_version(name, MODEL, sha256=digest(name), sizeBytes=size, envelope=make_envelope(sealed))
    return placed(made)


def placed(obj: Json, namespace: str = "fleet") -> Json:
    """Returns the object in a namespace."""
    return obj | {"metadata": obj["metadata"] | {"namespace": namespace}}


def device(name: str, line: str = "press", **spec: Any) -> Json:
    """Returns an EdgeDevice of the plant."""
    return placed(make_device(name, labels={"line": line, "motor": "shaded-pole"}, **spec))


def devices(count: int = 12) -> list[Json]:
    """Returns the plant's motors: half of them on each line."""
    names = (f"motor-{number:02}" for number in range(1, count + 1))
    return [device(name, "press" if place < count // 2 else "conveyor") for place, name in enumerate(names)]


def canary(**spec: Any) -> Json:
    """Returns a ring of three that any failure stops."""
    gate = {"successPercent": 100, "minSample": 3, "soak": "1m"}
    given = {"limit": 3, "promoteWhen": gate, "abortWhen": [{"type": "Any", "percent": 0}], **spec}
    return placed(make_ring("canary", {"motor": "shaded-pole"}, **({"model": MODEL, "track": "^1.0"} | given)))


def rest(**spec: Any) -> Json:
    """Returns the ring that takes what the canary has proved."""
    given = {"strategy": {"maxConcurrency": "25%"}, **spec}
    return placed(make_ring("rest", {"motor": "shaded-pole"}, **({"model": MODEL, "after": ["canary"]} | given)))


def classes() -> Json:
    """Returns the plant's device classes."""
    return placed(make_classes())


def plant(*versions: str, rings: tuple[Json, ...] | None = None) -> list[Json]:
    """Returns what Git declares."""
    return [classes(), *devices(), *(rings or (canary(), rest())), *(version(name) for name in versions)]


def live(
    objects: list[Json], runs: str = "1.0.0", *, offline: tuple[str, ...] = (), canaries: tuple[str, ...] = ()
) -> list[Json]:
    """Returns the objects as an API server holds them once every device runs a version and every ring has proved it."""
    return [_settle(obj, runs, offline, canaries) for obj in objects]


def _settle(obj: Json, runs: str, offline: tuple[str, ...], canaries: tuple[str, ...]) -> Json:
    metadata = obj["metadata"] | {"uid": f"uid-{obj['metadata']['name']}", "generation": 1, "resourceVersion": "7"}
    metadata["labels"] = metadata.get("labels", {}) | FLUX
    status: Json | None = None
    match obj["kind"]:
        case "EdgeDevice":
            name = obj["metadata"]["name"]
            ring = "canary" if name in canaries else "rest"
            status = device_status(runs, ring=ring, online=name not in offline)
        case "RolloutRing":
            status = ring_status(runs)
        case "ModelVersion":
            status = {"observedGeneration": 1, "verified": True, "conditions": [condition("Ready", "Verified")]}
        case _:
            pass
    return obj | {"metadata": metadata} | ({"status": status} if status else {})


def device_status(runs: str, *, ring: str = "rest", online: bool = True, phase: str = "UpToDate") -> Json:
    """Returns what the operator knows of a device that runs a version."""
    return {
        "observedGeneration": 1,
        "phase": phase,
        "ring": ring,
        "desiredVersion": runs,
        "reportedVersion": runs,
        "desired": [
            {
                "model": MODEL,
                "modelVersion": runs,
                "digest": digest(runs),
                "generation": (3 << 32) + 1,
                "ring": ring,
                "at": BEFORE,
            }
        ],
        "reported": [
            {
                "model": MODEL,
                "modelVersion": runs,
                "digest": digest(runs),
                "slot": "a",
                "firmwareVersion": "2.0.1",
                "enrolmentId": "e-1",
                "bootCount": 3,
                "seq": 17,
            }
        ],
        "capabilities": {"slotBytes": 65536, "arenaBytes": 16384, "opsProfile": "motor", "runtime": "tflm"},
        "conditions": [condition("Connected", "Online", status="True" if online else "False")],
    }


def ring_status(runs: str, step: str = "Proved", **other: Any) -> Json:
    """Returns what the operator knows of a ring that has proved a version."""
    return {
        "observedGeneration": 1,
        "step": step,
        "since": BEFORE,
        "round": 1,
        "startedAt": BEFORE,
        "epoch": 3,
        "target": target(runs),
        "stable": target(runs),
        "proven": [{**target(runs), "round": 1, "at": BEFORE}],
        **other,
    }


def condition(kind: str, reason: str, *, status: str = "True") -> Json:
    """Returns a condition."""
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE,
        "reason": reason,
        "message": "as the test says",
    }


def to_snapshot(objects: list[Json]) -> str:
    """Returns what `kubectl get -o json` prints."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
