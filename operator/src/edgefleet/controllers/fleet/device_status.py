"""A device's part of a plan to EdgeDevice.status. Mapping only; nothing that changes by itself is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.edgedevice import (
    Capabilities,
    DesiredModel,
    EdgeDeviceStatus,
    LastGood,
    Phase,
    ReportedModel,
    SelfTest,
)
from edgefleet.contracts.reported import InstalledModel, Reported
from edgefleet.contracts.reported import Phase as WirePhase
from edgefleet.controllers.conditions import Wanted, find_condition, merge_conditions
from edgefleet.controllers.fleet.settings import from_wire
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.times import format_time
from edgefleet.domain.rollout.facts import Command
from edgefleet.domain.rollout.planner import DevicePlan
from edgefleet.domain.rollout.standing import Standing

PRESENCE_SECONDS: Final = 60.0
"""A device that comes and goes is written down once it has stayed so long."""

_PHASES: Final[dict[Standing, Phase]] = {
    Standing.UPDATED: "UpToDate",
    Standing.HELD: "Held",
    Standing.COMMANDED: "Commanded",
    Standing.IN_PROGRESS: "Commanded",
    Standing.FAILED: "Failed",
    Standing.TIMED_OUT: "Failed",
    Standing.REJECTED: "Rejected",
    Standing.ROLLED_BACK: "RolledBack",
    Standing.DEFERRED: "Held",
    Standing.OFFLINE: "Held",
    Standing.EXCLUDED: "Held",
}


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a device's status is made of."""

    device: Declared
    voice: Voice
    plan: DevicePlan
    command: Command | None
    class_problem: tuple[str, str]
    """(reason, message) of what is wrong with its class, empty both when nothing is."""
    double: str = ""
    """The namespace that owns its name, when that is another one."""


def show_device(view: View, now: float) -> EdgeDeviceStatus:
    """Returns the status to store."""
    device, command, report = view.device, view.command, view.voice.report
    before = device.status
    reported = _show_reported(before, report)
    phase = _choose_phase(view)
    return EdgeDeviceStatus(
        observed_generation=device.generation,
        phase=phase,
        ring=view.plan.ring,
        desired_version=command.version if command is not None else None,
        reported_version=reported.model_version if reported is not None else None,
        desired=(_show_command(command),) if command is not None else (),
        reported=(reported,) if reported is not None else (),
        capabilities=_show_capabilities(report) or before.capabilities,
        baseline=before.baseline,
        last_good=_show_last_good(before, report, now),
        attempts=report.attempts if report is not None else before.attempts,
        handled_tokens=before.handled_tokens,
        conditions=merge_conditions(before.conditions, _want_conditions(view, phase, now), device.generation, now),
    )


def _choose_phase(view: View) -> Phase:
    stand, command, report = view.plan.stand, view.command, view.voice.report
    if view.device.spec.revoked:
        return "Revoked"
    if stand is not None and stand.standing is not Standing.EXCLUDED:
        return _PHASES[stand.standing]
    active = report.active.digest if report is not None and report.active is not None else None
    if command is None:
        return "Held" if stand is not None else "Unassigned"
    if active == command.digest:
        return "UpToDate"
    if report is not None and report.observed_generation >= command.generation:
        outcomes: dict[WirePhase, Phase] = {WirePhase.FAILED: "Failed", WirePhase.REJECTED: "Rejected"}
        return outcomes.get(report.phase, "Commanded")
    return "Commanded"


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


def _show_last_good(before: EdgeDeviceStatus, report: Reported | None, now: float) -> LastGood | None:
    """What it runs after confirming it; the self-test has passed."""
    if report is None or report.active is None or report.phase is not WirePhase.CONFIRMED:
        return before.last_good
    active: InstalledModel = report.active
    last = before.last_good
    if last is not None and last.digest == active.digest and last.model_version == active.version:
        return last
    return LastGood(model=active.model, model_version=active.version, digest=active.digest, at=format_time(now))


def _want_conditions(view: View, phase: Phase, now: float) -> Iterator[Wanted]:
    yield from _want_acceptance(view)
    stand = view.plan.stand
    if stand is not None and stand.standing is not Standing.EXCLUDED:
        updated = stand.standing is Standing.UPDATED
        reason = view.plan.reason or stand.reason or (ConditionReason.ACCEPTED if updated else phase)
        message = stand.message or ("runs its ring's target" if updated else f"is {phase}: {reason}")
        wanted = None if reason == "NoTarget" else updated
        yield Wanted(ConditionType.UP_TO_DATE, wanted, reason, message)
        refused = stand.standing is Standing.REJECTED
        verdict = None if reason == "NoTarget" else not refused
        yield Wanted(ConditionType.COMPATIBLE, verdict, reason if refused else "Fits", stand.message if refused else "")
    elif view.command is not None or stand is not None:
        reason = view.plan.reason or (stand.reason if stand is not None else "") or phase
        yield Wanted(ConditionType.UP_TO_DATE, phase == "UpToDate", reason, stand.message if stand is not None else "")
    yield _want_connected(view, now)


def _want_acceptance(view: View) -> Iterator[Wanted]:
    reason, message = view.class_problem
    if view.double:
        reason, message = "NameTaken", f"the device id {view.device.name} belongs to namespace {view.double}"
    if reason:
        yield Wanted(ConditionType.READY, False, reason, message)
        yield Wanted(ConditionType.STALLED, True, reason, message)
        return
    yield Wanted(ConditionType.READY, True, ConditionReason.ACCEPTED, "declared, and its class is known")


def _want_connected(view: View, now: float) -> Wanted:
    voice = view.voice
    if voice.presence is None:
        return Wanted(ConditionType.CONNECTED, None, "NeverSeen", "has never connected")
    before = find_condition(view.device.status.conditions, ConditionType.CONNECTED)
    online, reason = voice.online, "Online" if voice.online else "Offline"
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
