"""A device's part of a plan to EdgeDevice.status. Mapping only; nothing that changes by itself is written.

Two writes a device and rollout: when it is told, and when its outcome is known. So the words about a device speak of
its last command; what it waits for meanwhile stands in its ring.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.edgedevice import (
    Capabilities,
    DesiredModel,
    EdgeDeviceStatus,
    Phase,
    ReportedModel,
    SelfTest,
)
from edgefleet.contracts.reported import Reported
from edgefleet.controllers.conditions import Wanted, find_condition, merge_conditions
from edgefleet.controllers.fleet.device_facts import PROGRESS
from edgefleet.controllers.fleet.records import Record
from edgefleet.controllers.fleet.settings import from_wire
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.times import format_time
from edgefleet.domain.rollout.facts import Command, Progress
from edgefleet.domain.rollout.standing import Stand, Standing

PRESENCE_SECONDS: Final = 60.0
"""A device that comes and goes is written down once it has stayed so long."""

_PHASES: Final[dict[Standing, Phase]] = {
    Standing.UPDATED: "UpToDate",
    Standing.COMMANDED: "Commanded",
    Standing.IN_PROGRESS: "Commanded",
    Standing.FAILED: "Failed",
    Standing.TIMED_OUT: "Failed",
    Standing.REJECTED: "Rejected",
    Standing.ROLLED_BACK: "RolledBack",
    Standing.CONFLICT: "Conflict",
}
"""Of standings that say what became of the last command; the others leave a device as that command left it."""
_JUDGED_BY_US: Final = frozenset({Standing.TIMED_OUT, Standing.REJECTED, Standing.CONFLICT})
"""The device itself does not say so, or not alone."""
_ENDS: Final[dict[Progress, Phase]] = {
    Progress.DONE: "Failed",
    Progress.FAILED: "Failed",
    Progress.REJECTED: "Rejected",
    Progress.ROLLED_BACK: "RolledBack",
}
"""Of a device that has answered its last command and does not run what it asks for."""
_SETTLED: Final = "runs what it was told to run"
_ASTRAY: Final = "says that it is done and runs another model"
_TOLD: Final = "was told, and has not confirmed it yet"


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a device's status is made of.

    Attributes:
        device: as it is declared.
        voice: what it says.
        stand: where it stands after the pass.
        command: the last one that asks it for a model.
        record: what else is written down of it.
        class_problem: (reason, message) of what is wrong with its class, empty both when nothing is.
        recalling: its last command was taken back, and the broker does not have that yet.
        blocked_until: when a penalty ends.
        double: the namespace that owns its name, when that is another one.
    """

    device: Declared
    voice: Voice
    stand: Stand
    command: Command | None
    record: Record
    class_problem: tuple[str, str] = ("", "")
    recalling: bool = False
    blocked_until: float | None = None
    double: str = ""


def show_device(view: View, now: float) -> EdgeDeviceStatus:
    """Returns the status to store."""
    device, command, report = view.device, view.command, view.voice.report
    before = device.status
    reported = _show_reported(before, report)
    phase = _choose_phase(view)
    # Until the broker has a recall, the next process must know that there is something to take back.
    desired = before.desired if view.recalling else (_show_command(command),) if command is not None else ()
    return EdgeDeviceStatus(
        observed_generation=device.generation,
        phase=phase,
        ring=view.stand.ring,
        desired_version=desired[0].model_version if desired else None,
        reported_version=reported.model_version if reported is not None else None,
        desired=desired,
        reported=(reported,) if reported is not None else (),
        capabilities=_show_capabilities(report) or before.capabilities,
        baseline=before.baseline,
        last_good=view.record.last_good,
        attempts=before.attempts if view.recalling else command.attempt if command is not None else None,
        blocked_until=format_time(view.blocked_until) if view.blocked_until is not None else None,
        blocked_reason=_name_cause(report) if view.blocked_until is not None else None,
        handled_tokens=view.record.handled_tokens,
        conditions=merge_conditions(before.conditions, _want_conditions(view, phase, now), device.generation, now),
    )


def _choose_phase(view: View) -> Phase:
    if view.device.spec.revoked:
        return "Revoked"
    standing, command = view.stand.standing, view.command
    if standing in _PHASES:
        # After an abort, whoever runs what it ran before is where it belongs; its command came to nothing all the same.
        if standing is Standing.UPDATED and command is not None:
            return _trace_command(command, view.voice.report)
        return _PHASES[standing]
    if command is None or (standing is Standing.UNASSIGNED and command.ring is not None):
        return "Unassigned" if standing is Standing.UNASSIGNED else "Held"
    return _trace_command(command, view.voice.report)


def _trace_command(command: Command, report: Reported | None) -> Phase:
    """Returns what became of a command so far."""
    if report is not None and report.active is not None and report.active.digest == command.digest:
        return "UpToDate"
    if report is None or report.observed_generation < command.generation:
        return "Commanded"
    return _ENDS.get(PROGRESS[report.phase], "Commanded")


def _name_cause(report: Reported | None) -> str | None:
    return report.reason.value if report is not None else None


def _show_command(command: Command) -> DesiredModel:
    return DesiredModel(
        model=command.model,
        model_version=command.version,
        digest=command.digest,
        generation=command.generation,
        ring=command.ring,
        at=format_time(command.at),
    )


def _show_reported(before: EdgeDeviceStatus, report: Reported | None) -> ReportedModel | None:
    last = before.reported[0] if before.reported else None
    if report is None or report.active is None:
        return last if report is None else None
    active, test = report.active, report.self_test
    shown = ReportedModel(
        model=active.model,
        model_version=active.version,
        digest=active.digest,
        slot=active.slot,
        firmware_version=report.firmware_version,
        settings=from_wire(report.settings),
        arena_used_bytes=report.arena_used_bytes,
        self_test=SelfTest(passed=test.passed, total=test.total, max_lsb=test.max_lsb) if test is not None else None,
        enrolment_id=report.enrolment_id,
        boot_count=min(report.boot_count, 2**31 - 1),
        seq=min(report.seq, 2**31 - 1),
    )
    if last is None:
        return shown
    # Boots and reports alone are no news, and a self-test that was forgotten over a boot is still true of its model.
    kept: dict[str, object] = {"boot_count": last.boot_count, "seq": last.seq}
    if shown.self_test is None and shown.digest == last.digest:
        kept["self_test"] = last.self_test
    return last if shown.model_copy(update=kept) == last else shown


def _show_capabilities(report: Reported | None) -> Capabilities | None:
    if report is None:
        return None
    can = report.capabilities
    shown = Capabilities(
        ram_bytes=min(can.ram_bytes, 2**31 - 1),
        slot_bytes=can.slot_bytes,
        arena_bytes=can.arena_bytes,
        ops_profile=can.ops_profile,
        accelerator=can.accelerator,
        runtime=can.runtime,
    )
    return shown.model_copy(update={"ops": can.ops}) if can.ops else shown


def _want_conditions(view: View, phase: Phase, now: float) -> Iterator[Wanted]:
    yield from _want_acceptance(view)
    if not view.double:
        yield _want_up_to_date(view, phase)
        yield from _want_compatible(view)
    if view.stand.standing is Standing.CONFLICT:
        yield Wanted(ConditionType.CONFLICT_PAUSED, True, view.stand.reason, view.stand.message)
    yield _want_connected(view, now)


def _want_up_to_date(view: View, phase: Phase) -> Wanted:
    stand = view.stand
    if phase == "Unassigned":
        return Wanted(ConditionType.UP_TO_DATE, None, stand.reason or ConditionReason.UNASSIGNED, stand.message)
    disputed = stand.standing is Standing.HELD and stand.ring is None
    if stand.standing in _JUDGED_BY_US or disputed or _is_left_alone(stand):
        reason = stand.reason or stand.standing.value
        message = stand.message or f"is {phase}: {reason}"
        return Wanted(ConditionType.UP_TO_DATE, phase == "UpToDate", reason, message)
    return _trace_outcome(view, phase)


def _is_left_alone(stand: Stand) -> bool:
    """Says whether a device is out of its ring's reach; one that merely was not moved waits like any other."""
    return stand.standing is Standing.EXCLUDED and stand.reason != ConditionReason.NOT_MOVED


def _trace_outcome(view: View, phase: Phase) -> Wanted:
    """Returns what is true of a device whatever it waits for: what became of its last command."""
    ring, report = view.stand.ring, view.voice.report
    if phase == "UpToDate":
        return Wanted(ConditionType.UP_TO_DATE, True, ConditionReason.ACCEPTED, _SETTLED)
    if phase == "Commanded":
        return Wanted(ConditionType.UP_TO_DATE, False, ConditionReason.COMMANDED, _TOLD)
    if phase == "Held" or report is None:
        message = f"waits for its ring: `kubectl get ring {ring}` says for what"
        return Wanted(ConditionType.UP_TO_DATE, False, ConditionReason.HELD, message)
    if PROGRESS[report.phase] is Progress.DONE:
        return Wanted(ConditionType.UP_TO_DATE, False, ConditionReason.WRONG_DIGEST, _ASTRAY)
    message = report.message or f"is {phase}: {report.reason.value}"
    return Wanted(ConditionType.UP_TO_DATE, False, report.reason.value, message)


def _want_compatible(view: View) -> Iterator[Wanted]:
    stand = view.stand
    if stand.standing is Standing.REJECTED:
        yield Wanted(ConditionType.COMPATIBLE, False, stand.reason or stand.standing.value, stand.message)
        return
    if stand.standing in (Standing.UNASSIGNED, Standing.CONFLICT) or _is_left_alone(stand):
        return
    before = find_condition(view.device.status.conditions, ConditionType.COMPATIBLE)
    known = stand.artifact is not None
    if stand.standing not in _PHASES and before is not None:
        known = before.status == "True" or (known and before.status == "False")
    if known:
        yield Wanted(ConditionType.COMPATIBLE, True, ConditionReason.FITS)
    else:
        yield Wanted(ConditionType.COMPATIBLE, None, ConditionReason.NO_TARGET)


def _want_acceptance(view: View) -> Iterator[Wanted]:
    reason, message = view.class_problem
    if view.double:
        reason = ConditionReason.NAME_TAKEN
        message = f"the device id {view.device.name} belongs to namespace {view.double}"
    if reason:
        yield Wanted(ConditionType.READY, False, reason, message)
        yield Wanted(ConditionType.STALLED, True, reason, message)
        return
    yield Wanted(ConditionType.READY, True, ConditionReason.ACCEPTED, "declared, and its class is known")


def _want_connected(view: View, now: float) -> Wanted:
    voice = view.voice
    if voice.presence is None:
        return Wanted(ConditionType.CONNECTED, None, ConditionReason.NEVER_SEEN, "has never connected")
    before = find_condition(view.device.status.conditions, ConditionType.CONNECTED)
    online = voice.online
    reason = ConditionReason.ONLINE if online else ConditionReason.OFFLINE
    said = before is not None and before.status != "Unknown"
    if before is not None and said and (before.status == "True") != online and now - voice.since < PRESENCE_SECONDS:
        return Wanted(ConditionType.CONNECTED, not online, before.reason, before.message)
    message = "its session at the broker stands" if online else "its session at the broker has ended"
    return Wanted(ConditionType.CONNECTED, online, reason, message)


def recheck_presence(view: View, now: float) -> float | None:
    """Returns when a change of presence will have lasted long enough to be written; None when it is written already."""
    if view.voice.presence is None or now - view.voice.since >= PRESENCE_SECONDS:
        return None
    return view.voice.since + PRESENCE_SECONDS + 0.1
