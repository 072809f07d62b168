"""EdgeDevice objects to the planner's facts without the devices themselves: from what their status remembers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionType
from edgefleet.api.v1alpha1.deviceclass import DeviceClass
from edgefleet.api.v1alpha1.edgedevice import EdgeDevice, EdgeDeviceStatus
from edgefleet.contracts.limits import INT31_MAX
from edgefleet.controllers.conditions import find_condition
from edgefleet.controllers.fleet.device_facts import read_command, read_device
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.times import parse_time
from edgefleet.domain.device.compatibility import Abilities
from edgefleet.domain.rollout.facts import Command, DeviceFacts, Progress, Report
from edgefleet.domain.rollout.judgement import PENALTY_SECONDS

_OUTCOMES: Final = {
    "UpToDate": Progress.DONE,
    "Failed": Progress.FAILED,
    "Rejected": Progress.REJECTED,
    "RolledBack": Progress.ROLLED_BACK,
}
_FAILED: Final = (Progress.FAILED, Progress.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a device besides its manifest.

    Attributes:
        facts: for the planner.
        seen: it has connected before.
        said: what it can hold and run comes from itself, not from its class.
    """

    facts: DeviceFacts
    seen: bool
    said: bool


def read_state(device: EdgeDevice, classes: Mapping[str, DeviceClass], *, lenient: bool, now: float) -> Known:
    """Returns a device as the planner sees it.

    Args:
        device: declared, with its live status where there is one.
        classes: the namespace's device classes by name.
        lenient: a class that is not among them may be declared elsewhere.
        now: POSIX seconds: a device that is at work is taken to have said so just now.
    """
    status = device.status
    name = device.spec.device_class
    connected = find_condition(status.conditions, ConditionType.CONNECTED)
    seen = connected is not None and connected.status != "Unknown"
    # Nobody knows where a device is that never connected: taken as online, and said so.
    online = not (connected is not None and connected.status == "False")
    since = parse_time(connected.last_transition_time) if connected is not None else 0.0
    command = read_command(_declare(device))
    facts = read_device(
        _declare(device),
        Voice(online=online, since=since),
        command,
        class_known=lenient or name in classes,
    )
    said = _read_abilities(status)
    facts = replace(
        facts,
        abilities=said or _expect_abilities(classes.get(name)),
        report=_read_report(status, command, now),
    )
    return Known(facts, seen, said is not None)


def _declare(device: EdgeDevice) -> Declared:
    meta = device.metadata
    return Declared(
        namespace=meta.namespace or "",
        name=meta.name,
        uid=meta.uid or "",
        generation=meta.generation or 0,
        resource_version="",
        labels=meta.labels,
        annotations=meta.annotations,
        spec=device.spec,
        status=device.status,
        stored=None,
    )


def _read_report(status: EdgeDeviceStatus, command: Command | None, now: float) -> Report | None:
    """Returns what the device must last have said. Status keeps the outcome, not the words on the way to it."""
    reported = status.reported[0] if status.reported else None
    digest = reported.digest if reported is not None else None
    test = reported.self_test if reported is not None else None
    passed = test.passed == test.total if test is not None else None
    if command is None:
        return Report(digest, 0, Progress.NONE, self_test_passed=passed)
    outcome = _OUTCOMES.get(status.phase or "")
    if digest == command.digest and outcome is None:
        outcome = Progress.DONE
    if status.phase == "Conflict":
        return Report(digest, command.generation + 1, Progress.DONE, changed_at=now, self_test_passed=passed)
    if outcome is None:
        outcome = Progress.WORKING if status.phase == "Commanded" else Progress.NONE
    heard = 0 if outcome is Progress.NONE else command.generation
    reason = (status.blocked_reason or "") if outcome is not Progress.DONE else ""
    # A device that is left alone after failing is so for as long as its status says.
    blocked = status.blocked_until is not None and outcome in _FAILED
    at = parse_time(status.blocked_until) - PENALTY_SECONDS if blocked else now
    return Report(digest, heard, outcome, reason, changed_at=at, self_test_passed=passed)


def _read_abilities(status: EdgeDeviceStatus) -> Abilities | None:
    can = status.capabilities
    if can is None:
        return None
    firmware = status.reported[0].firmware_version if status.reported else ""
    return Abilities(can.slot_bytes, can.arena_bytes, 0, firmware, frozenset(can.ops) if can.ops else None)


def _expect_abilities(device_class: DeviceClass | None) -> Abilities | None:
    if device_class is None:
        return None
    arena = device_class.arena_bytes if device_class.arena_bytes is not None else INT31_MAX
    ops = frozenset(device_class.ops) if device_class.ops else None
    return Abilities(device_class.slot_bytes, arena, ops=ops)
