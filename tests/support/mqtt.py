"""An MQTT client for tests that waits for what it asked and keeps what it got: paho, MQTT 5, clean start."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    import ssl

    from paho.mqtt.reasoncodes import ReasonCode

_SECONDS = 20.0
_QUIET_SECONDS = 0.3
"""So long nothing comes where nothing is to come; a message through a broker here takes some milliseconds."""


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    retain: bool


class Client:
    """A connected client, as a context; OSError where the broker takes no connection from this identity.

    Attributes:
        ended: set when the connection is gone.
        reason: why it went, as the broker said.
    """

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        host: str = "localhost",
        client_id: str = "",
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.ended = threading.Event()
        self.reason = ""
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._answers: dict[int, queue.SimpleQueue[list[ReasonCode]]] = {}
        self._lock = threading.Lock()
        self._connected: queue.SimpleQueue[ReasonCode | None] = queue.SimpleQueue()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        self._client.tls_set_context(context)
        self._client.max_inflight_messages_set(1000)
        if will:
            self._client.will_set(*will, qos=1)
        self._client.on_connect = lambda _c, _u, _f, code, _p: self._connected.put(code)
        self._client.on_message = lambda _c, _u, m: self._messages.put(Message(m.topic, bytes(m.payload), m.retain))
        self._client.on_publish = lambda _c, _u, number, code, _p: self._answer(number).put([code])
        self._client.on_subscribe = lambda _c, _u, number, codes, _p: self._answer(number).put(codes)
        self._client.on_disconnect = self._on_disconnect
        self._client.connect(host, port)
        self._client.loop_start()
        code = self._connected.get(timeout=_SECONDS)
        if code is None or code.is_failure:
            self.close()
            raise ConnectionError(str(code or self.reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_disconnect(self, _client: Any, _userdata: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        self.reason = str(code)
        self.ended.set()
        self._connected.put(None)

    def _answer(self, number: int) -> queue.SimpleQueue[list[ReasonCode]]:
        # The answer may be here before the call that asked has returned its number.
        with self._lock:
            return self._answers.setdefault(number, queue.SimpleQueue())

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Publish with QoS 1; return the broker's reason code: 0 taken, 16 taken and nobody listens, 135 refused."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        return self._answer(sent.mid).get(timeout=_SECONDS)[0].value

    def send(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1 and wait for nothing."""
        self._client.publish(topic, payload, qos=1)

    def publish_all(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish many retained messages, several under way at once; each must be taken."""
        numbers = [self._client.publish(topic, payload, qos=1, retain=True).mid for topic, payload in messages]
        codes = {self._answer(number).get(timeout=_SECONDS)[0].value for number in numbers}
        assert codes <= {0, 16}, codes

    def subscribe(self, *filters: str) -> None:
        """Subscribe with QoS 1 and wait until that is granted."""
        _, number = self._client.subscribe([(each, 1) for each in filters])
        assert number is not None
        codes = self._answer(number).get(timeout=_SECONDS)
        assert not any(code.is_failure for code in codes), codes

    def take(self, number: int = 1) -> list[Message]:
        """Return the next messages, so many."""
        return [self._messages.get(timeout=_SECONDS) for _ in range(number)]

    def take_rest(self) -> list[Message]:
        """Return all that comes until it is quiet."""
        got: list[Message] = []
        while True:
            try:
                got.append(self._messages.get(timeout=_QUIET_SECONDS))
            except queue.Empty:
                return got

    def vanish(self) -> None:
        """Break the connection without a word, so that the broker sends the will."""
        connection = self._client.socket()
        assert connection is not None
        self._client.loop_stop()
        connection.close()

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        deadline = time.monotonic() + _SECONDS
        while self._client.is_connected() and time.monotonic() < deadline:
            time.sleep(0.005)
        self._client.loop_stop()
