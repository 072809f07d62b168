"""What runs of a cluster, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.node.cgroups import ControlGroups
from edgefleet_devcluster.processes import memory_of

if TYPE_CHECKING:
    from edgefleet_devcluster.cluster import Cluster
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
    def of(cls, cluster: Cluster) -> ClusterStatus:
        """Look at processes, network and Kubernetes' own view of the nodes."""
        lines: list[str] = []
        troubles: list[str] = []
        memory = 0
        plane = cluster.control_plane.status()
        for name, identity in plane.programs.items():
            size = identity.memory() if identity else 0
            lines.append(f"{name:26} {f'process {identity.pid}, {size / _MIB:.0f} MiB' if identity else 'not running'}")
            memory += size
        if cluster.segment.subnet() is None:
            troubles.append("its network is not there")
        if not plane.ready:
            troubles.append(plane.readiness.detail)
        known = _known_nodes(cluster) if plane.ready else {}
        for node in cluster.nodes.values():
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


def _known_nodes(cluster: Cluster) -> dict[str, str]:
    try:
        return cluster.census.nodes()
    except OSError:
        return {}
