"""The smallest objects that the API server takes."""

from __future__ import annotations

from typing import Any

from edgefleet.api.meta import API_VERSION

IDLE: dict[str, Any] = {"observedGeneration": 1, "phase": "Unassigned"}


def device(name: str, **labels: str) -> dict[str, Any]:
    """Return an EdgeDevice."""
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": API_VERSION, "kind": "EdgeDevice", "metadata": metadata, "spec": {"deviceClass": "esp32"}}
