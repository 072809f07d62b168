"""One broker for the tests that leave it as it was, and identities on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from support.broker import Broker
from support.mqtt import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


class Connect(Protocol):
    """Connects an identity, made at its first use."""

    def __call__(
        self, name: str, *, client_id: str = "", will: tuple[str, bytes] | None = None, port: int = 0
    ) -> Client: ...


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The real Mosquitto, as the chart configures it."""
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def connect(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Connect:
    """Connect as a device, or as `edgefleet:operator`."""
    folder = tmp_path_factory.mktemp("identities")

    def connect(name: str, *, client_id: str = "", will: tuple[str, bytes] | None = None, port: int = 0) -> Client:
        identity = broker.authority.issue(name, folder / name)
        return Client(port or broker.port, identity.client_context(), client_id=client_id, will=will)

    return connect
