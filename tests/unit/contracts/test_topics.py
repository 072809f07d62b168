"""Topics: what the design fixes, the way there and back, and ids that would name other topics."""

import random

import pytest

from edgefleet.contracts import topics
from edgefleet.contracts.topics import TOPICS, Direction, parse_topic
from support.contract_core import Question, sanitized_core

_INJECTIONS = (
    *("", "a/b", "+", "#", "a+b", "a#", "/", "a\x00b", "A", "ä", "-a", "a-", "a" * 64, "a b", "a\n", "..", "a.b"),
    *("\\u0061", "$sys", "a\x7f"),
)


def test_the_topics_are_the_designs() -> None:
    assert {name: topic.template for name, topic in TOPICS.items()} == {
        "Desired": "fleet/v1/dev/{deviceID}/desired",
        "Reported": "fleet/v1/dev/{deviceID}/reported",
        "Presence": "fleet/v1/dev/{deviceID}/presence",
        "Telemetry": "fleet/v1/tele/{deviceID}",
        "Anomaly": "fleet/v1/anomaly/{deviceID}",
        "DeviceAlert": "fleet/v1/alert/{deviceID}",
        "OriginalTelemetry": "shaded-pole-motor-sensor_data",
        "Alert": "motor-failure-alert-level2-inference",
        "Control": "control-message",
        "Keys": "fleet/v1/keys",
    }
    assert {name for name, topic in TOPICS.items() if topic.retain} == {*("Desired", "Reported", "Presence", "Keys")}
    assert [name for name, topic in TOPICS.items() if topic.direction is Direction.TO_DEVICE] == ["Desired"]


def test_a_subscription_hears_every_device() -> None:
    assert topics.REPORTED.filter() == "fleet/v1/dev/+/reported"
    assert topics.CONTROL.filter() == "control-message"


@pytest.mark.parametrize("name", TOPICS)
def test_there_and_back(name: str) -> None:
    topic = TOPICS[name]
    built = topic.build("esp32-0001" if topic.per_device else None)
    assert parse_topic(built) == (topic, "esp32-0001" if topic.per_device else "")


@pytest.mark.parametrize("device_id", _INJECTIONS)
def test_an_id_that_would_name_other_topics_is_refused(device_id: str) -> None:
    with pytest.raises(ValueError, match="is not a device id"):
        topics.DESIRED.build(device_id)
    assert parse_topic(f"fleet/v1/dev/{device_id}/desired") is None


def test_a_device_id_goes_where_there_is_a_place_for_it() -> None:
    with pytest.raises(ValueError, match="no device id"):
        topics.CONTROL.build("a")
    with pytest.raises(ValueError, match="a device id is expected"):
        topics.DESIRED.build()


def test_the_firmware_builds_the_same_topics() -> None:
    ids = ("esp32-0001", "a" * 63, *(each for each in _INJECTIONS if "\x00" not in each))
    asked = [(index, topic, each) for index, topic in enumerate(TOPICS.values()) for each in ids]
    answers = sanitized_core().ask(Question("u", (str(i).encode(), each.encode())) for i, _, each in asked)
    for (_, topic, each), (line,) in zip(asked, answers, strict=True):
        try:
            expected = topic.build(each or None)
        except ValueError:
            expected = "refused"
        assert line == expected, (topic.name, each)


def test_the_firmware_parses_the_same_topics() -> None:
    chance = random.Random(3)
    names = [topic.build("esp32-1" if topic.per_device else None).encode() for topic in TOPICS.values()]
    for name in names[:]:
        for _ in range(300):
            at = chance.randrange(len(name) + 1)
            piece = bytes(chance.choices(b"/+#a-0A\x00\x80\xc3\xf0\xff\\u{}", k=chance.randrange(3)))
            names.append(name[:at] + piece + name[at + chance.randrange(3) :])
    names += [b"fleet/v1/dev/" + each.encode() + b"/desired" for each in _INJECTIONS]
    answers = sanitized_core().ask(Question("t", (name,)) for name in names)
    parsed = [_line(name) for name in names]
    assert [line.rstrip() for (line,) in answers] == parsed
    assert parsed.count("none") > 500


def _line(name: bytes) -> str:
    try:
        found = parse_topic(name.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        return "none"
    topic, device_id = found
    direction = list(Direction).index(topic.direction)
    return f"{topic.name} {direction} {topic.qos} {int(topic.retain)} {topic.kind.value} {device_id}".rstrip()
