"""Whether Deployments run as declared, and in one line why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgefleet_devcluster.addons.rendering import Object


@dataclass(frozen=True)
class Trouble:
    """A Deployment that is not there yet."""

    deployment: str
    """namespace/name."""
    reason: str
    pod: str = ""
    """The name of the pod that holds it up, if there is one."""
    crashed: bool = False
    """Whether that pod's program ended by itself, so that its last words say more."""

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.deployment.partition("/")[0]

    def __str__(self) -> str:
        """Return the line."""
        where = f" (pod {self.pod})" if self.pod else ""
        return f"{self.deployment}{where}: {self.reason}"


def available(deployment: Object) -> bool:
    """Whether every replica is of the newest template and ready."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= deployment["metadata"]["generation"] and counts == [wanted] * 3


def not_established(definitions: Iterable[Object]) -> list[str]:
    """Return the names of the CustomResourceDefinitions whose kinds are not served yet."""
    return [
        found["metadata"]["name"]
        for found in definitions
        if not any(
            condition["type"] == "Established" and condition["status"] == "True"
            for condition in (found.get("status") or {}).get("conditions") or []
        )
    ]


def troubles(wanted: Iterable[str], found: Iterable[Object]) -> list[Trouble]:
    """Return those of the ``wanted`` Deployments (namespace/name) that are not available, with the reason.

    Args:
        wanted: The Deployments.
        found: Deployments and pods, in any order.
    """
    objects = list(found)
    deployments = {_key(one): one for one in objects if one["kind"] == "Deployment"}
    pods = [one for one in objects if one["kind"] == "Pod"]
    return [
        _explain(key, deployments.get(key), pods)
        for key in wanted
        if key not in deployments or not available(deployments[key])
    ]


def _key(found: Object) -> str:
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def _explain(key: str, deployment: Object | None, pods: Iterable[Object]) -> Trouble:
    if deployment is None:
        return Trouble(key, "there is no such Deployment")
    labels = deployment["spec"]["selector"]["matchLabels"].items()
    own = [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == deployment["metadata"]["namespace"]
        and labels <= pod["metadata"].get("labels", {}).items()
    ]
    if own:
        newest = max(own, key=lambda pod: pod["metadata"]["creationTimestamp"])
        reason, crashed = _pod_reason(newest)
        return Trouble(key, reason, newest["metadata"]["name"], crashed)
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return Trouble(key, f"no pod: {condition.get('message', condition.get('reason', ''))}")
    return Trouble(key, "no pod yet")


def _pod_reason(pod: Object) -> tuple[str, bool]:
    if "deletionTimestamp" in pod["metadata"]:
        return "the pod before it still ends", False
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if not container.get("ready"):
            reason = _container_reason(container)
            if reason:
                return reason
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return _joined(condition), False
    return status.get("message") or status.get("phase") or "not seen by a node yet", False


def _container_reason(container: dict[str, Any]) -> tuple[str, bool] | None:
    state = container.get("state") or {}
    before = (container.get("lastState") or {}).get("terminated")
    if ended := state.get("terminated") or before:
        word = (state.get("waiting") or ended).get("reason", "ended")
        return f"{word}, exit status {ended.get('exitCode')}, {container.get('restartCount', 0)} restarts", True
    if waiting := state.get("waiting"):
        return _joined(waiting), False
    if "running" in state:
        return "runs, but is not ready", False
    return None


def _joined(state: dict[str, Any]) -> str:
    return ": ".join(text for text in (state.get("reason"), state.get("message")) if text) or "waiting"
