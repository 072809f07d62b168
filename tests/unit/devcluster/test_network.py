from __future__ import annotations

import socket

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.network import LOOPBACK, held_port


def test_a_held_port_is_nobody_elses() -> None:
    with held_port() as port, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK, port))
    with held_port(port, only=True) as again:
        assert again == port


def test_a_preferred_port_that_is_taken_gives_another() -> None:
    with held_port() as taken, held_port(taken) as other:
        assert other != taken


def test_a_required_port_that_is_taken_is_named() -> None:
    with (
        held_port() as taken,
        pytest.raises(DevclusterError, match=f"^port {taken} is taken: stop what listens there"),
        held_port(taken, only=True),
    ):
        pass
