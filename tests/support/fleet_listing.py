"""Objects of a fleet as the API server returns them, for tests of what reads them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Object:
    """Return a condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def device(name: str, reported: str = "", phase: str = "", *, online: bool = True, desired: str = "") -> Object:
    """Return an EdgeDevice."""
    status: Object = {"phase": phase, "conditions": [condition("Ready"), condition("Connected", str(online))]}
    if desired or reported:
        status["desiredVersion"] = desired or reported
    if reported:
        entry = {"modelVersion": reported, "digest": "ab" * 32, "bootCount": 1}
        status |= {"reportedVersion": reported, "reported": [entry]}
    return {"metadata": {"name": name}, "spec": {"deviceClass": "esp32"}, "status": status}


def ring(name: str, step: str = "", *, target: str = "", updated: int = 0, total: int = 0, **more: Any) -> Object:
    """Return a RolloutRing; ``after`` and ``waiting`` may be given."""
    spec: Object = {"model": "motor-anomaly"} | ({"after": more["after"]} if "after" in more else {"track": "^1.0"})
    status: Object = {"step": step, "counts": {"updated": updated, "total": total, "failed": more.get("failed", 0)}}
    if target:
        status["target"] = {"version": target, "digest": "cd" * 32}
    if "waiting" in more:
        status["waitingFor"] = more["waiting"]
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def version(number: str, *conditions: Object, going: bool = False) -> Object:
    """Return a ModelVersion."""
    metadata = {"name": f"motor-anomaly-{number}"} | ({"deletionTimestamp": "2026-11-21T10:00:00Z"} if going else {})
    return {"metadata": metadata, "spec": {"version": number}, "status": {"conditions": list(conditions)}}


def sync(name: str, commit: str = "", ready: str = "True", message: str = "") -> Object:
    """Return a Kustomization of Flux."""
    status: Object = {"conditions": [condition("Ready", ready, message=message)]}
    if commit:
        status["lastAppliedRevision"] = f"main@sha1:{commit}"
    return {"metadata": {"name": name}, "spec": {}, "status": status}
