"""What Kubernetes knows of a cluster's nodes and of the cluster's own pods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edgefleet_devcluster.control_plane import readiness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgefleet_devcluster.control_plane.credentials import Credentials


@dataclass(frozen=True)
class Census:
    """Asks one API server."""

    address: tuple[str, int]
    credentials: Credentials

    def unready_nodes(self, wanted: Iterable[str], *, since: float) -> dict[str, str]:
        """Return the nodes that are not ready, each with the reason.

        Args:
            wanted: Their names.
            since: Seconds since 1970; an older word of the node does not count, it may be of its life before.
        """
        found = {item["metadata"]["name"]: item for item in self._items("/api/v1/nodes")}
        troubles = {name: _node_trouble(found.get(name), since) for name in wanted}
        return {name: trouble for name, trouble in troubles.items() if trouble}

    def unsettled_pods(self, namespaces: Iterable[str], nodes: Iterable[str], *, since: float) -> dict[str, str]:
        """Return the pods on some nodes that do not run as they should, each with the reason.

        Args:
            namespaces: Where to look.
            nodes: Pods of other nodes do not count.
            since: A container that was started before is not believed to run: its node did not yet tell of its end.
        """
        on, troubles = set(nodes), dict[str, str]()
        for namespace in namespaces:
            for pod in self._items(f"/api/v1/namespaces/{namespace}/pods"):
                if pod["spec"].get("nodeName") in on and (trouble := _pod_trouble(pod, since)):
                    troubles[f"{namespace}/{pod['metadata']['name']}"] = trouble
        return troubles

    def nodes(self) -> dict[str, str]:
        """Return what there is to say of each node: ``Ready`` or the reason why not."""
        return {item["metadata"]["name"]: _node_trouble(item, 0.0) or "Ready" for item in self._items("/api/v1/nodes")}

    def _items(self, path: str) -> list[dict[str, Any]]:
        return readiness.read(self.address, path, authority=self.credentials.authority, client=self.credentials.admin)[
            "items"
        ]


def _node_trouble(node: dict[str, Any] | None, since: float) -> str:
    if node is None:
        return "not registered"
    for condition in node["status"].get("conditions", ()):
        if condition["type"] == "Ready":
            if _seconds(condition["lastHeartbeatTime"]) < since:
                return "no word since its start"
            if condition["status"] != "True":
                return condition.get("message") or condition.get("reason") or "not ready"
            return ""
    return "no condition yet"


def _pod_trouble(pod: dict[str, Any], since: float) -> str:
    if pod["status"].get("phase") in ("Succeeded", "Failed") or pod["metadata"].get("deletionTimestamp"):
        return ""
    states = pod["status"].get("containerStatuses", ())
    for state in states:
        waiting = state.get("state", {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason', 'waiting')} {waiting.get('message', '')}".strip()
        running = state.get("state", {}).get("running")
        if not running or _seconds(running["startedAt"]) < since or not state.get("ready"):
            return "starting"
    return "" if states else pod["status"].get("reason") or "not started"


def _seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
