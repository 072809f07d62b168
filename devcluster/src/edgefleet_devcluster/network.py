"""This machine's addresses and free ports."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
# Where Services get their addresses; the first is the API server's own.
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
# Where pods get theirs, a /24 a node. No route on this machine leads there, so every cluster can have the same.
POD_RANGE = "10.244.0.0/16"
# Reserved for documentation: reachable from nowhere, which without nodes nobody notices.
_NO_NETWORK = "192.0.2.1"


@contextmanager
def held_port(preferred: int = 0, *, only: bool = False) -> Iterator[int]:
    """Hold a free TCP port: within the block nobody else can get it.

    The block should last until just before the program that needs the port starts.

    Args:
        preferred: The port to take if it is free; 0 for any.
        only: Whether no other port will do.

    Raises:
        DevclusterError: ``preferred`` is taken and ``only`` is set.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        # As servers do: connections of an earlier run that linger in TIME_WAIT do not count as taken.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((LOOPBACK, preferred))
            # Only a listener keeps out others who bind as servers do.
            holder.listen(0)
        except OSError as error:
            if only:
                raise DevclusterError(
                    f"port {preferred} is taken: stop what listens there (`ss -ltnp` shows it) or choose another"
                ) from error
            with held_port() as other:
                yield other
            return
        yield holder.getsockname()[1]


def host_address() -> str:
    """Return the address under which this machine is reached; a loopback address would not do for pods."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_NO_NETWORK, 9))  # sends nothing: it only looks up the route
        except OSError:
            return _NO_NETWORK
        return probe.getsockname()[0]
