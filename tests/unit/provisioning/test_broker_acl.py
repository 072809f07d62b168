"""The broker's access list is what the wire contract says, for every topic of it."""

from __future__ import annotations

from edgefleet.contracts.topics import CONTROL, DESIRED, KEYS, PRESENCE, REPORTED, TOPICS, Direction
from edgefleet.provisioning.broker_acl import write_acl

LINES = [line for line in write_acl().splitlines() if line and not line.startswith("#")]
USER = LINES.index("user edgefleet:operator")


def test_a_device_has_each_of_its_topics_in_its_one_direction_and_no_other() -> None:
    verbs = {Direction.TO_DEVICE: "read", Direction.FROM_DEVICE: "write"}
    expected = {
        f"pattern {verbs[topic.direction]} {topic.build('press-07').replace('press-07', '%u')}"
        for topic in TOPICS.values()
        if topic.per_device
    }
    assert len(expected) == 6
    assert set(LINES[:USER]) == expected | {"pattern read fleet/v1/keys"}


def test_the_operator_has_state_commands_triggers_and_its_own() -> None:
    assert set(LINES[USER + 1 :]) == {
        f"topic write {DESIRED.filter()}",
        f"topic read {REPORTED.filter()}",
        f"topic read {PRESENCE.filter()}",
        f"topic read {CONTROL.build()}",
        f"topic write {KEYS.build()}",
        "topic readwrite fleet/v1/operator/#",
    }


def test_there_is_no_line_for_everybody() -> None:
    # A `topic` line above the first `user` is for clients without a name.
    assert not any(line.startswith("topic") for line in LINES[:USER])
    assert sum(line.startswith("user") for line in LINES) == 1
