"""The operator's end of the wire: commands devices, hears what they say of themselves."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgefleet.contracts import topics
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.desired import Assignment, Desired, ManifestReference
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from edgefleet.contracts.reported import Presence, Reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgefleet.contracts.keys import SigningKey
    from support.authority import Identity
    from support.broker import Broker

_SECONDS: Final = 20.0


class OperatorClient:
    """Connected to a broker as `edgefleet:operator`; reconnects by itself.

    Attributes:
        reports: of each device, in order of arrival, retained ones first.
        presences: likewise.
    """

    def __init__(self, broker: Broker, identity: Identity) -> None:
        self.reports: dict[str, list[Reported]] = {}
        self.presences: dict[str, list[Presence]] = {}
        self._broker = broker
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.tls_set_context(identity.client_context())
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = self._hear_connection
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = self._hear_message

    def __enter__(self) -> Self:
        self._client.connect("localhost", self._broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(_SECONDS), "no subscription"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, device_id: str, payload: bytes) -> None:
        """Publish a `desired` as it is; returns when the broker has it."""
        assert self._subscribed.wait(_SECONDS), "no connection"
        topic = topics.DESIRED.build(device_id)
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(_SECONDS)

    def await_report(self, device_id: str, wanted: Callable[[Reported], bool], after: int = 0) -> Reported:
        """Wait for a report that is as wanted, among all but the first `after` of this device's."""
        return self._await(self.reports, device_id, wanted, after)

    def await_presence(self, device_id: str, status: str, after: int = 0) -> Presence:
        """Wait for a presence."""
        return self._await(self.presences, device_id, lambda presence: presence.status == status, after)

    def count(self, device_id: str) -> int:
        """How many reports of a device have come."""
        with self._changed:
            return len(self.reports.get(device_id, []))

    def _await(self, heard: dict[str, list[Any]], device_id: str, wanted: Callable[[Any], bool], after: int) -> Any:
        deadline = time.monotonic() + _SECONDS
        with self._changed:
            while True:
                for each in heard.get(device_id, [])[after:]:
                    if wanted(each):
                        return each
                rest = deadline - time.monotonic()
                assert rest > 0, f"{device_id} did not say it, but: {heard.get(device_id, [])[-3:]}"
                self._changed.wait(rest)

    def _hear_connection(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(each.filter(), SubscribeOptions(qos=1)) for each in (topics.REPORTED, topics.PRESENCE)])

    def _hear_message(self, _client: mqtt.Client, _context: object, message: mqtt.MQTTMessage) -> None:
        found = topics.parse_topic(message.topic)
        assert found
        if not message.payload:  # a retained message was cleared
            return
        topic, device_id = found
        with self._changed:
            # A device that says what the contract refuses fails the test that waits for it.
            if topic is topics.REPORTED:
                self.reports.setdefault(device_id, []).append(decode(Reported, bytes(message.payload)))
            else:
                self.presences.setdefault(device_id, []).append(decode(Presence, bytes(message.payload)))
            self._changed.notify_all()


def make_desired(
    key: SigningKey, device_id: str, generation: int, manifest: ManifestReference | None = None, **fields: Any
) -> bytes:
    """Return a signed command; `fields` are the assignment's."""
    assignment = Assignment(
        device_id=device_id, generation=generation, manifest_digest=manifest.digest if manifest else None, **fields
    )
    return encode(
        Desired(
            payload="motor-anomaly.tflite" if manifest else "",
            manifest=manifest,
            assignment=seal(Kind.ASSIGNMENT, encode(assignment), [key]),
        )
    )
