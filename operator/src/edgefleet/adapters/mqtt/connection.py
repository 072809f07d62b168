"""One connection to the broker: what aiomqtt does not do. Must not know what messages say.

aiomqtt queues without bound, or drops what does not fit, and forgets the broker's reason codes. Here a message that
waits is replaced by a newer one of its topic, so that what waits is bounded by the number of topics, and a publication
returns its reason code. Holding the broker back by the receive maximum of MQTT 5 is no way: Mosquitto 2.0.11, told 20,
sent 1,340 messages ahead of their acknowledgements once the first ones were acknowledged.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import Any, Final, Self

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgefleet.adapters.tls import TlsFiles
from edgefleet.runtime.errors import NotConnected

_LIBRARY_LOG: Final = logging.getLogger(f"{__name__}.library")
_LIBRARY_LOG.setLevel(logging.ERROR)
_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 15.0
_SESSION_TAKEN_OVER: Final = 0x8E
_REFUSED: Final = 0x80


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """What came in and waits: of each topic the newest message, in the place of the oldest."""

    def _init(self, maxsize: int) -> None:
        del maxsize
        self._waiting: OrderedDict[str, aiomqtt.Message] = OrderedDict()

    def _put(self, item: aiomqtt.Message) -> None:
        self._waiting[item.topic.value] = item

    def _get(self) -> aiomqtt.Message:
        return self._waiting.popitem(last=False)[1]

    def qsize(self) -> int:
        return len(self._waiting)

    def empty(self) -> bool:
        return not self._waiting


class _Socket(ssl.SSLSocket):
    """Closes itself where the other side cannot prove its name; paho leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class Connection(aiomqtt.Client):
    """Connects once; use `opened`."""

    def __init__(  # noqa: PLR0913 - settings by name
        self, host: str, port: int, *, tls: TlsFiles, client_id: str, window: int, keepalive: int
    ) -> None:
        """Connect nothing yet.

        Args:
            host: the broker's name, which its certificate has to prove.
            port: the broker's port.
            tls: this client's files, read now.
            client_id: of the session; the broker ends an older one of the same id.
            window: publications under way at most; the broker may allow fewer.
            keepalive: seconds of silence after which the broker is asked for a sign of life.

        Raises:
            OSError: a TLS file is missing or is no such file.
        """
        context = tls.context()
        context.sslsocket_class = _Socket
        super().__init__(
            host,
            port,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=keepalive,
            timeout=_ANSWER_SECONDS,
            tls_context=context,
            logger=_LIBRARY_LOG,
            queue_type=_Inbox,
            max_inflight_messages=window,
        )
        self._client.connect_timeout = _CONNECT_SECONDS
        self._window = window
        self._slots = asyncio.Semaphore(window)
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._closing = False
        self._abandoned = False
        self._ended = ""
        self.lost = ""
        """Why the connection ended, unless it was closed from this side."""
        self.taken_over = False
        """Whether it ended because another client connected under the same identity."""
        self.arrived = self._loop.time()
        """When the last message came in."""

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncGenerator[Self, None]:
        """Be connected; at the end nothing is left open, whatever happened.

        Raises:
            aiomqtt.MqttError: the broker is not there, does not prove its name, or refuses this client.
        """
        try:
            async with self:
                try:
                    yield self
                finally:
                    self._closing = True
        finally:
            self._abandoned = True
            self._end("closed")
            if self._disconnected.done():
                self._disconnected.exception()  # told in `lost`
            # Behind what a connecting thread may have put there: a reader on the socket.
            self._loop.call_soon(self._drop)

    @property
    def backlog(self) -> int:
        """How many topics have a message that waits."""
        return self._queue.qsize()

    @property
    def in_flight(self) -> int:
        """How many publications the broker has not answered."""
        return len(self._answers)

    async def subscribe_all(self, filters: list[str]) -> None:
        """Subscribe at QoS 1, what the broker keeps included.

        Raises:
            aiomqtt.MqttError: the broker refuses one, or does not answer.
        """
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE)
        codes = await self.subscribe([(each, options) for each in filters])
        for name, code in zip(filters, codes, strict=True):
            if isinstance(code, ReasonCode) and code.value >= _REFUSED:
                raise aiomqtt.MqttError(f"the broker refuses the subscription to {name}: {code}")

    async def deliver(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Publish at QoS 1 and return the broker's reason code; wait while the window is full.

        Cancelled, the message may or may not arrive; its place in the window is free when the broker has answered.

        Raises:
            NotConnected: the connection ended, or the broker does not answer.
        """
        await self._slots.acquire()
        if self._ended:
            self._slots.release()  # wakes the next one that waits
            raise NotConnected(self._ended)
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            self._slots.release()
            raise NotConnected(paho.error_string(info.rc))
        answer = self._answers[info.mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise NotConnected(f"the broker gave no answer for {_ANSWER_SECONDS:.0f} s") from None

    def _client_connect(self) -> None:
        """Connect, in a thread that nothing can interrupt: what it opened for nobody is closed."""
        super()._client_connect()
        if self._abandoned:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._drop)

    def _drop(self) -> None:
        """Close the socket, where it is still open, without a word."""
        self._client._sock_close()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - paho has no public way

    def _end(self, reason: str) -> None:
        """Fail what waits for the broker."""
        if self._ended:
            return
        self._ended = reason
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(NotConnected(reason))
                answer.exception()  # whoever published may be gone
        for subscription in self._pending_subscribes.values():
            if not subscription.done():
                subscription.set_exception(aiomqtt.MqttError(reason))
        self._slots.release()

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        allowed = getattr(properties, "ReceiveMaximum", self._window)
        self._slots = asyncio.Semaphore(min(self._window, allowed))
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.taken_over = self.taken_over or reason_code.value == _SESSION_TAKEN_OVER
        if not self._closing:
            self.lost = str(reason_code)
        self._end(str(reason_code))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self.arrived = self._loop.time()
        super()._on_message(client, userdata, message)

    def _on_publish(
        self, client: paho.Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        answer = self._answers.pop(mid, None)
        if answer is not None:
            self._slots.release()
            if not answer.done():
                answer.set_result(reason_code.value)
        super()._on_publish(client, userdata, mid, reason_code, properties)
