"""How Kubernetes' view of nodes and pods is read, and when it is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from edgefleet_devcluster.census import _node_trouble, _pod_trouble, _seconds

START = "2026-11-21T12:00:00Z"
BEFORE, AFTER = "2026-11-21T11:59:59Z", "2026-11-21T12:00:05Z"
SINCE = _seconds(START)


def node(**condition: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": AFTER} | condition]}}


def pod(*containers: dict[str, Any], phase: str = "Running", **metadata: str) -> dict[str, Any]:
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": list(containers)}}


def container(started: str = AFTER, *, ready: bool = True) -> dict[str, Any]:
    return {"ready": ready, "state": {"running": {"startedAt": started}}}


WAITING = {"ready": False, "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "not there"}}}


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        (None, "not registered"),
        (node(), ""),
        (node(lastHeartbeatTime=BEFORE), "no word since its start"),
        (node(status="False", message="no network"), "no network"),
        ({"status": {"conditions": []}}, "no condition yet"),
        ({"status": {}}, "no condition yet"),
    ],
)
def test_nodes(found: dict[str, Any] | None, trouble: str) -> None:
    assert _node_trouble(found, SINCE) == trouble


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        (pod(container()), ""),
        (pod(container(BEFORE)), "starting"),
        (pod(container(), container(ready=False)), "starting"),
        (pod(WAITING), "ErrImageNeverPull not there"),
        (pod(), "not started"),
        (pod(container(BEFORE), phase="Succeeded"), ""),
        (pod(container(BEFORE), deletionTimestamp=START), ""),
    ],
)
def test_pods(found: dict[str, Any], trouble: str) -> None:
    assert _pod_trouble(found, SINCE) == trouble
