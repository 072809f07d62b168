"""What devices say, read by the wire contract, and what is said to them. Must not know what a rollout is."""

import asyncio
import logging
from typing import Final, Never

import aiomqtt

from edgefleet.adapters.mqtt.connection import Connection
from edgefleet.adapters.mqtt.session import GatewayCounters, Session, Standing
from edgefleet.adapters.tls import TlsFiles
from edgefleet.contracts import limits
from edgefleet.contracts.topics import DESIRED
from edgefleet.runtime.backoff import Backoff
from edgefleet.runtime.errors import NotConnected, SessionTakenOver
from edgefleet.runtime.ports import Delivery, GatewayListener

__all__ = [
    "Delivery",
    "GatewayCounters",
    "GatewayListener",
    "MqttGateway",
    "NotConnected",
    "SessionTakenOver",
    "TlsFiles",
]

_LOG: Final = logging.getLogger(__name__)
_NO_MATCHING_SUBSCRIBERS: Final = 0x10
_REFUSED: Final = 0x80
_WINDOW: Final = 500
_KEEPALIVE_SECONDS: Final = 10
# A connection that lasted so long is no failure.
_STABLE_SECONDS: Final = 10.0
_RETRY: Final = Backoff(0.3, 5.0)


class MqttGateway:
    """The operator's one session with the broker."""

    def __init__(  # noqa: PLR0913 - settings by name
        self,
        host: str,
        port: int,
        *,
        tls: TlsFiles,
        client_id: str,
        listener: GatewayListener,
        window: int = _WINDOW,
        keepalive: int = _KEEPALIVE_SECONDS,
        retry: Backoff = _RETRY,
    ) -> None:
        """Connect nothing yet.

        Args:
            host: the broker's name, which its certificate has to prove.
            port: the broker's port.
            tls: the operator's files, read anew for each connection.
            client_id: of the session. A second session of the same id ends the first one: that is the fence between
                two operators.
            listener: hears everything.
            window: messages to devices under way at most.
            keepalive: seconds of silence after which the broker is asked for a sign of life.
            retry: the pauses after failed connections in a row.
        """
        self._host = host
        self._port = port
        self._tls = tls
        self._client_id = client_id
        self._listener = listener
        self._window = window
        self._keepalive = keepalive
        self._retry = retry
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._standing = Standing(claimed=False, last_heard=asyncio.get_running_loop().time())

    @property
    def connected(self) -> bool:
        """Whether all that the broker kept was delivered; only then anything can be published."""
        return self._session is not None and self._session.ready

    @property
    def last_heard(self) -> float:
        """When a message was last worked on, in the event loop's time; the gateway sends itself one every 10 s."""
        return self._standing.last_heard

    @property
    def counters(self) -> GatewayCounters:
        """What happened since the start."""
        return self._standing.counters

    @property
    def instance(self) -> str:
        """The random name of this process, which the broker keeps as the last operator that came."""
        return self._standing.instance

    @property
    def backlog(self) -> int:
        """How many topics have a message that waits for the listener."""
        return self._connection.backlog if self._connection else 0

    @property
    def in_flight(self) -> int:
        """How many publications the broker has not answered."""
        return self._connection.in_flight if self._connection else 0

    async def run(self) -> Never:
        """Stay connected until cancelled.

        Raises:
            SessionTakenOver: another operator is in charge: this process has to end.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            reason = await self._connect()
            failures = 1 if loop.time() - began > _STABLE_SECONDS else failures + 1
            pause = self._retry.seconds(failures)
            _LOG.warning("broker %s:%d: %s; again in %.1f s", self._host, self._port, reason, pause)
            await asyncio.sleep(pause)

    async def publish_desired(self, device_id: str, payload: bytes) -> Delivery:
        """Say what a device has to do; the broker keeps it for a device that is away.

        Args:
            device_id: the device.
            payload: an encoded `Desired`, or nothing to remove what the broker keeps.

        Returns:
            What the broker said.

        Raises:
            NotConnected: there is no connection, or it ended before the broker's answer: the message may have arrived.
            ValueError: not a device id, or more bytes than a device takes.
        """
        if len(payload) > limits.DESIRED_MAX:
            raise ValueError(f"{device_id}: {len(payload)} bytes, at most {limits.DESIRED_MAX}")
        topic = DESIRED.build(device_id)
        if self._connection is None or not self.connected:
            raise NotConnected("no connection to the broker")
        code = await self._connection.deliver(topic, payload, retain=True)
        if code >= _REFUSED:
            return Delivery.REFUSED
        self.counters.published += 1
        return Delivery.NO_SUBSCRIBER if code == _NO_MATCHING_SUBSCRIBERS else Delivery.DELIVERED

    async def _connect(self) -> str:
        """Connect and serve until that ends; return why it did."""
        try:
            connection = Connection(
                self._host,
                self._port,
                tls=self._tls,
                client_id=self._client_id,
                window=self._window,
                keepalive=self._keepalive,
            )
        except OSError as error:
            return f"TLS files: {error}"
        session = Session(connection, self._listener, self._standing)
        reason = ""
        try:
            async with connection.opened():
                await session.subscribe()
                self._connection, self._session = connection, session
                await session.serve()
        except* (aiomqtt.MqttError, NotConnected) as broken:
            reason = connection.lost or _first_line(broken)
        finally:
            served, self._connection, self._session = self._session is session, None, None
        if served:
            await session.tell("disconnected", self._listener.disconnected(reason))
        if connection.taken_over:
            raise SessionTakenOver(f"broker {self._host}:{self._port}: another client connected as {self._client_id}")
        return reason


def _first_line(group: BaseExceptionGroup[Exception]) -> str:
    """Return what the first fault of a group says."""
    fault: BaseException = group
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return str(fault) or type(fault).__name__
