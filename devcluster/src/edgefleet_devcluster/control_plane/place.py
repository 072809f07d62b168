"""Where a control plane runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.network import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

_PORT = 6443


@dataclass(frozen=True)
class Place:
    """The API server's address and the network namespace in which the control plane runs.

    By default it is on this machine's loopback interface, for this machine's user alone and without nodes.
    """

    address: str = LOOPBACK
    namespace: Path | None = None
    """The file of the network namespace; None for this machine's own, where ports have to be searched for."""

    @property
    def has_nodes(self) -> bool:
        """Whether nodes can reach it, so that a scheduler and kubelets' credentials are needed."""
        return self.namespace is not None

    @property
    def port(self) -> int:
        """The API server's port where all ports are free; 0 where one has to be found."""
        return _PORT if self.namespace else 0


HERE = Place()
