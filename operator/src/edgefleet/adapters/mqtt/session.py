"""What the operator does with one connection, from subscribing to the end. Must not know how connections are made."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final, Never

import aiomqtt

from edgefleet.adapters.mqtt.connection import Connection
from edgefleet.contracts.codec import decode
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.contracts.reported import Presence, Reported
from edgefleet.contracts.topics import OPERATOR_PREFIX, PRESENCE, REPORTED, Topic
from edgefleet.runtime.ports import GatewayListener

_LOG: Final = logging.getLogger(__name__)
_REFUSED: Final = 0x80
_HEARTBEAT_SECONDS: Final = 10.0
# Three heartbeats that did not come back: connected, but not served.
_DEAF_SECONDS: Final = 35.0
# Kept by the broker: which operator connected last.
CLAIM: Final = f"{OPERATOR_PREFIX}claim"


@dataclass(slots=True)
class GatewayCounters:
    """What happened since the start.

    Attributes:
        received: messages of devices, refused ones among them.
        refused: messages that the contract refuses.
        published: messages that the broker took.
        listener_failures: calls that the listener did not survive.
        connections: made to the broker.
    """

    received: int = 0
    refused: int = 0
    published: int = 0
    listener_failures: int = 0
    connections: int = 0


@dataclass(slots=True)
class Standing:
    """What outlives one connection.

    Attributes:
        claimed: whether this process is the one that the broker knows as the last to come.
        last_heard: when a message was last worked on, in the event loop's time.
        instance: this process, among all operators there ever were.
        counters: since the start.
    """

    claimed: bool
    last_heard: float
    instance: str = field(default_factory=lambda: str(uuid.uuid4()))
    counters: GatewayCounters = field(default_factory=GatewayCounters)


class Session:
    """One connection in use.

    An operator's first connection leaves a claim with the broker; a later one finds it there, or another operator's:
    then that one took over in between, and this one has to end. Brokers say so by themselves (MQTT 5 reason 0x8E), but
    Mosquitto before 2.0.16 only cuts the connection, and two operators would take it from each other for ever.
    """

    def __init__(self, connection: Connection, listener: GatewayListener, standing: Standing) -> None:
        """Begin nothing yet."""
        self._connection = connection
        self._listener = listener
        self._standing = standing
        self._marker = f"{OPERATOR_PREFIX}snapshot/{uuid.uuid4().hex}"
        self._claim_is_known = False
        self._busy = False
        self.ready = False
        """Whether all that the broker kept was delivered, and this operator is the one in charge."""

    async def subscribe(self) -> None:
        """Ask for what devices say, the claim before it and the marker behind it.

        Raises:
            aiomqtt.MqttError: the broker refuses.
        """
        await self._connection.subscribe_all([CLAIM, self._marker, REPORTED.filter(), PRESENCE.filter()])
        self._standing.counters.connections += 1

    async def serve(self) -> Never:
        """Hand on messages until the connection ends.

        Raises:
            ExceptionGroup: of aiomqtt.MqttError and NotConnected.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            async for message in self._connection.messages:
                self._busy = True
                await self._work_on(message)
                self._busy = False
                self._standing.last_heard = asyncio.get_running_loop().time()
        raise AssertionError("messages end by an error only")

    async def _beat(self) -> None:
        """Send the marker at once and then regularly, as long as it comes back."""
        loop = asyncio.get_running_loop()
        if not self._standing.claimed:
            await self._claim()
        while True:
            await self._send(self._marker, b"", retain=False)
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            idle = self._connection.backlog == 0 and not self._busy
            if idle and loop.time() - self._connection.arrived > _DEAF_SECONDS:
                raise aiomqtt.MqttError("connected, but the broker delivers nothing any more")

    async def _claim(self) -> None:
        await self._send(CLAIM, self._standing.instance.encode(), retain=True)
        self._standing.claimed = True

    async def _send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        code = await self._connection.deliver(topic, payload, retain=retain)
        if code >= _REFUSED:
            raise aiomqtt.MqttError(f"the broker's access rules forbid this client to publish on {topic}")

    async def _work_on(self, message: aiomqtt.Message) -> None:
        topic = message.topic.value
        if topic == CLAIM:
            self._heed(bytes(message.payload).decode(errors="replace"), kept=message.retain)
        elif topic != self._marker:
            self._standing.counters.received += 1
            await self.tell(topic, self._dispatch(topic, bytes(message.payload)))
        elif not self.ready:
            if not self._claim_is_known:  # the broker lost it
                await self._claim()
            self.ready = True
            await self.tell(topic, self._listener.connected())

    def _heed(self, claim: str, *, kept: bool) -> None:
        """Read who came last. What the broker kept from before this process's own claim is no news."""
        if claim == self._standing.instance:
            self._claim_is_known = True
        elif claim and (self._standing.claimed or not kept):
            self._connection.taken_over = True
            raise aiomqtt.MqttError("another operator has claimed the session")

    async def _dispatch(self, topic: str, payload: bytes) -> None:
        """Read a message and hand it on, or hand on why it cannot be read."""
        match _read(topic, payload):
            case ContractError() as error:
                self._standing.counters.refused += 1
                await self._listener.refused(topic, error)
            case Reported() as report:
                await self._listener.reported(report.device_id, report)
            case Presence() as presence:
                await self._listener.presence(presence.device_id, presence)
            case (device_id, cleared):
                await self._listener.cleared(device_id, cleared)

    async def tell(self, what: str, call: Awaitable[None]) -> None:
        """Let the listener work; its faults must not cost the connection."""
        try:
            await call
        except Exception:  # noqa: BLE001 - whatever it is
            self._standing.counters.listener_failures += 1
            _LOG.exception("%s: the listener failed", what)


def _read(topic: str, payload: bytes) -> Reported | Presence | ContractError | tuple[str, Topic]:
    """Return what a message says; nothing but a device and its topic where the topic was cleared."""
    for each, model in ((REPORTED, Reported), (PRESENCE, Presence)):
        device_id = each.parse(topic)
        if device_id is None:
            continue
        if not payload:
            return device_id, each
        try:
            document = decode(model, payload)
        except ContractError as error:
            return error
        if document.device_id != device_id:
            # The broker vouches for the topic, nobody for the document.
            return ContractError(Reason.WRONG_DEVICE, "deviceID", model.kind.value, f"the topic's, {device_id}")
        return document
    return ContractError(Reason.OUT_OF_RANGE, "", "topic", "names a device by its id")
