"""The MQTT topics: who publishes, how, and which Kafka topic a bridge joins them to. Each has exactly one direction."""

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from edgefleet.contracts.conformance import matches
from edgefleet.contracts.document import Kind

_ID: Final = "{deviceID}"
_ID_KIND: Final = "DnsLabel"


class Direction(Enum):
    """Where messages flow; the value is the direction's name in C."""

    TO_DEVICE = "ToDevice"  # from the operator
    FROM_DEVICE = "FromDevice"
    TO_SUBSCRIBERS = "ToSubscribers"  # from the platform, through the bridge or from the operator


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, or one per device.

    Attributes:
        name: in Python and in C.
        template: the topic, `{deviceID}` standing for the device.
        direction: the only one there is.
        qos: of the publisher.
        retain: whether the broker keeps the last message.
        kind: of the message.
        kafka: the topic that a bridge joins this one to, in the same direction seen from the device; None for none.
    """

    name: str
    template: str
    direction: Direction
    qos: int
    retain: bool
    kind: Kind
    kafka: str | None = None

    @property
    def per_device(self) -> bool:
        """Whether the topic names a device."""
        return _ID in self.template

    def build(self, device_id: str | None = None) -> str:
        """Return the topic.

        Args:
            device_id: exactly where the topic is one per device.

        Raises:
            ValueError: not a device id: a `/`, `+` or `#` in it would name other topics.
        """
        if self.per_device != (device_id is not None):
            raise ValueError(f"{self.name}: {'a' if self.per_device else 'no'} device id is expected")
        if device_id is not None and not matches(_ID_KIND, device_id):
            raise ValueError(f"{self.name}: {device_id!r} is not a device id")
        return self.template.replace(_ID, device_id or "")

    def filter(self) -> str:
        """Return the subscription that hears this topic for every device."""
        return self.template.replace(_ID, "+")

    def parse(self, topic: str) -> str | None:
        """Return the device id in a topic of this kind, `""` where it names none, None for another topic."""
        if not self.per_device:
            return "" if topic == self.template else None
        head, _, tail = self.template.partition(_ID)
        middle = topic[len(head) : len(topic) - len(tail)]
        return middle if topic == f"{head}{middle}{tail}" and matches(_ID_KIND, middle) else None


DESIRED: Final = Topic("Desired", "fleet/v1/dev/{deviceID}/desired", Direction.TO_DEVICE, 1, True, Kind.DESIRED)
REPORTED: Final = Topic("Reported", "fleet/v1/dev/{deviceID}/reported", Direction.FROM_DEVICE, 1, True, Kind.REPORTED)
PRESENCE: Final = Topic("Presence", "fleet/v1/dev/{deviceID}/presence", Direction.FROM_DEVICE, 1, True, Kind.PRESENCE)
TELEMETRY: Final = Topic(
    "Telemetry",
    "fleet/v1/tele/{deviceID}",
    Direction.FROM_DEVICE,
    1,
    False,
    Kind.TELEMETRY,
    "shaded-pole-motor-sensor_data",
)
ANOMALY: Final = Topic(
    "Anomaly",
    "fleet/v1/anomaly/{deviceID}",
    Direction.FROM_DEVICE,
    1,
    False,
    Kind.ANOMALY,
    "motor-anomaly-level1-inference",
)
DEVICE_ALERT: Final = Topic(
    "DeviceAlert",
    "fleet/v1/alert/{deviceID}",
    Direction.FROM_DEVICE,
    1,
    False,
    Kind.ALERT,
    "motor-failure-alert-level2-inference",
)
# The original protocol: one topic for all devices, only where the fleet's owner allows it.
ORIGINAL_TELEMETRY: Final = Topic(
    "OriginalTelemetry",
    "shaded-pole-motor-sensor_data",
    Direction.FROM_DEVICE,
    0,
    False,
    Kind.TELEMETRY,
    "shaded-pole-motor-sensor_data",
)
ALERT: Final = Topic(
    "Alert",
    "motor-failure-alert-level2-inference",
    Direction.TO_SUBSCRIBERS,
    1,
    False,
    Kind.ALERT,
    "motor-failure-alert-level2-inference",
)
CONTROL: Final = Topic(
    "Control",
    "control-message",
    Direction.TO_SUBSCRIBERS,
    1,
    False,
    Kind.CONTROL,
    "control-message",
)
# The keys that devices trust from now on: for every device at once, and no secret to anybody.
KEYS: Final = Topic("Keys", "fleet/v1/keys", Direction.TO_SUBSCRIBERS, 1, True, Kind.ENVELOPE)

# The operator's own room: what it sends there comes back to it behind all that the broker had kept for it.
OPERATOR_PREFIX: Final = "fleet/v1/operator/"

TOPICS: Final = MappingProxyType(
    {
        topic.name: topic
        for topic in (
            DESIRED,
            REPORTED,
            PRESENCE,
            TELEMETRY,
            ANOMALY,
            DEVICE_ALERT,
            ORIGINAL_TELEMETRY,
            ALERT,
            CONTROL,
            KEYS,
        )
    }
)


def parse_topic(topic: str) -> tuple[Topic, str] | None:
    """Tell which topic a message came on.

    Returns:
        The topic and the device id (empty where it names none), or None for a topic outside the contract.
    """
    for each in TOPICS.values():
        device_id = each.parse(topic)
        if device_id is not None:
            return each, device_id
    return None
