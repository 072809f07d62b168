"""What runs of a cluster, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from edgefleet_devcluster.node.cgroups import ControlGroups
from edgefleet_devcluster.processes import memory_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgefleet_devcluster.census import Census
    from edgefleet_devcluster.control_plane.plane import ControlPlane
    from edgefleet_devcluster.node.machine import Node

_MIB = 1024**2


@dataclass(frozen=True)
class ClusterStatus:
    """One look at a cluster."""

    lines: list[str]
    """One a program and node, for people."""
    troubles: list[str]
    """Empty when all is as it should be."""
    memory: int
    """Bytes of the control plane and of the nodes' own programs, without pods."""

    @classmethod
    def of(cls, control_plane: ControlPlane, nodes: Iterable[Node], census: Census, *, connected: bool) -> Self:
        """Look at processes and at Kubernetes' own view of the nodes.

        Args:
            control_plane: Of one cluster.
            nodes: All of the cluster.
            census: Asks the cluster's API server.
            connected: Whether the cluster's network is complete.
        """
        lines: list[str] = []
        troubles: list[str] = []
        memory = 0
        plane = control_plane.status()
        for name, identity in plane.programs.items():
            size = identity.memory() if identity else 0
            lines.append(f"{name:26} {f'process {identity.pid}, {size / _MIB:.0f} MiB' if identity else 'not running'}")
            memory += size
        if not connected:
            troubles.append("its network is not there")
        if not plane.ready:
            troubles.append(plane.readiness.detail)
        known = _known_nodes(census) if plane.ready else {}
        for node in nodes:
            size = programs_memory(node)
            state = known.get(node.name, "unknown") if node.init else "not running"
            lines.append(f"{node.name:26} {state}, {size / _MIB:.0f} MiB")
            memory += size
            if state != "Ready":
                troubles.append(f"{node.name}: {state}")
        lines.append(f"{'memory':26} {memory / _MIB:.0f} MiB without pods")
        return cls(lines, troubles, memory)


def programs_memory(node: Node) -> int:
    """Return the bytes of a node's own programs: containerd, kubelet, kube-proxy and what watches over them."""
    return sum(memory_of(pid) for pid in ControlGroups().processes(f"{node.group}/system"))


def _known_nodes(census: Census) -> dict[str, str]:
    try:
        return census.nodes()
    except OSError:
        return {}
