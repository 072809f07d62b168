"""A gateway on a real broker: what it hears, noted in order, and what devices say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from edgefleet.adapters.mqtt.gateway import MqttGateway
from edgefleet.adapters.tls import TlsFiles
from edgefleet.contracts.codec import encode
from edgefleet.contracts.reported import Capabilities, Phase, Presence, Reported
from edgefleet.runtime.backoff import Backoff
from support.mqtt import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from edgefleet.contracts.reasons import ContractError
    from edgefleet.contracts.topics import Topic
    from support.broker import Broker

SECONDS = 20.0
HASTY = Backoff(0.05, 0.3)


class Listener:
    """Notes what it hears, in order; may be slow, or fail."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.seconds = seconds
        self.faults: list[Exception] = []
        self._changed = asyncio.Event()
        self._inside = False

    async def connected(self) -> None:
        await self._note("connected")

    async def reported(self, device_id: str, report: Reported) -> None:
        await self._note("reported", device_id, report)

    async def presence(self, device_id: str, presence: Presence) -> None:
        await self._note("presence", device_id, presence)

    async def cleared(self, device_id: str, topic: Topic) -> None:
        await self._note("cleared", device_id, topic.name)

    async def refused(self, topic: str, error: ContractError) -> None:
        await self._note("refused", topic, error)

    async def disconnected(self, reason: str) -> None:
        await self._note("disconnected", reason)

    async def _note(self, *call: Any) -> None:
        assert not self._inside
        self._inside = True
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self.heard.append(call)
        self._inside = False
        self._changed.set()
        if self.faults:
            raise self.faults.pop()

    def calls(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.heard if call[0] == name]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Fleet:
    """A broker, the operator's identity, and devices' connections."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        """The broker's own folder is `folder / "broker"`, and it does not run yet."""
        self.broker = broker
        self.folder = folder
        # Who may speak for all devices, so that a test need not make thousands of identities.
        with (folder / "broker" / "acl").open("a") as acl:
            acl.write("\nuser edgefleet:many\ntopic readwrite fleet/v1/#\n")
        self.tls = TlsFiles.in_folder(broker.operator(folder / "operator").folder)

    def device(self, device_id: str) -> Client:
        identity = self.broker.device(device_id, self.folder / device_id)
        return Client(self.broker.port, identity.client_context())

    def many(self) -> Client:
        """A client that may publish for every device."""
        return self.device("edgefleet:many")

    def gateway(self, listener: Listener, *, port: int = 0, **settings: Any) -> MqttGateway:
        settings = {"tls": self.tls, "client_id": "edgefleet:operator", "retry": HASTY, **settings}
        return MqttGateway("localhost", port or self.broker.port, listener=listener, **settings)


@asynccontextmanager
async def running(gateway: MqttGateway, listener: Listener) -> AsyncIterator[MqttGateway]:
    """Run the gateway, connected, until the end of the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_never(gateway))
        await listener.until(lambda: gateway.connected)
        yield gateway
        task.cancel()


async def _never(gateway: MqttGateway) -> None:
    await gateway.run()


def report_of(device_id: str, **changes: Any) -> bytes:
    """Return an encoded report."""
    fields: dict[str, Any] = {
        "device_id": device_id,
        "enrolment_id": "enrolment-1",
        "boot_count": 1,
        "seq": 1,
        "firmware_version": "1.0.0",
        "observed_generation": 0,
        "phase": Phase.IDLE,
        "reason": "Ok",
        "capabilities": Capabilities(
            ram_bytes=320_000, slot_bytes=65_536, arena_bytes=16_384, runtime="tflm", accelerator="none"
        ),
        "key_ids": ("0123456789abcdef",),
        "security_floor": 0,
    }
    return encode(Reported(**{**fields, **changes}))


def presence_of(device_id: str, status: str = "online") -> bytes:
    """Return an encoded presence."""
    return encode(Presence(device_id=device_id, status=status, enrolment_id="enrolment-1", boot_count=1))  # pyright: ignore[reportArgumentType]
