"""A twin to the planner's facts. Mapping only."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from edgefleet.contracts.reported import Phase, Reported
from edgefleet.controllers.fleet.records import Record
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.ring_facts import read_tokens, read_window
from edgefleet.controllers.times import parse_time
from edgefleet.domain.device.compatibility import Abilities
from edgefleet.domain.rollout.facts import Command, DeviceFacts, Pin, Progress, Report
from edgefleet.domain.rollout.judgement import ATTEMPTS_MAX, PENALTY_SECONDS

PROGRESS: Final = {
    Phase.IDLE: Progress.NONE,
    Phase.DEFERRED: Progress.DEFERRED,
    Phase.DOWNLOADING: Progress.WORKING,
    Phase.VERIFYING: Progress.WORKING,
    Phase.TESTING: Progress.WORKING,
    Phase.CONFIRMED: Progress.DONE,
    Phase.FAILED: Progress.FAILED,
    Phase.REJECTED: Progress.REJECTED,
    Phase.ROLLED_BACK: Progress.ROLLED_BACK,
    Phase.NOT_ACTIVATED: Progress.DEFERRED,
    Phase.REVOKED: Progress.DEFERRED,
}
"""What each phase on the wire is to the planner."""
DEVICE_TOKENS: Final = ("resume", "retry")
"""The tokens that the planner obeys on a device."""
_KINDS_REMEMBERED: Final = 4096


def read_device(
    device: Declared, voice: Voice, command: Command | None, *, class_known: bool, record: Record | None = None
) -> DeviceFacts:
    """Returns a device, what it was told and what it says.

    Args:
        device: as it is declared.
        voice: what it says.
        command: the last one that asks it for a model.
        class_known: whether its class is declared.
        record: what is written down of it; its status when absent.
    """
    spec = device.spec
    record = record if record is not None else Record.read(device.status)
    report = voice.report
    return DeviceFacts(
        name=device.name,
        device_class=spec.device_class,
        labels=device.labels,
        ring=record.ring,
        class_known=class_known,
        abilities=read_abilities(report) if report is not None else None,
        online=voice.online,
        presence_since=voice.since,
        updates_enabled=spec.updates_enabled,
        revoked=spec.revoked,
        pin=_read_pin(device),
        window=read_window(spec.window),
        command=command,
        report=_read_report(device, voice, command),
        last_good=record.last_good.digest if record.last_good is not None else None,
        tokens=_read_unhandled(device.annotations, record),
    )


def _read_report(device: Declared, voice: Voice, command: Command | None) -> Report | None:
    report = voice.report
    if report is None:
        return None
    digest = report.active.digest if report.active is not None else None
    progress = PROGRESS[report.phase]
    return Report(
        digest=digest,
        generation=report.observed_generation,
        progress=progress,
        reason=report.reason.value if progress not in (Progress.NONE, Progress.DONE) else "",
        message=report.message or "",
        changed_at=_find_change(device, voice.changed_at, progress, command),
        self_test_passed=_find_self_test(device, report, digest),
        latency_us=report.latency_us,
        previous=report.previous.digest if report.previous is not None else None,
    )


def _find_change(device: Declared, heard_at: float, progress: Progress, command: Command | None) -> float:
    """Returns when the report was first heard; a restart does not lengthen a penalty that stands in status."""
    until = device.status.blocked_until
    if until is None or command is None or command.attempt < ATTEMPTS_MAX:
        return heard_at
    failed = progress in (Progress.FAILED, Progress.ROLLED_BACK)
    return min(heard_at, parse_time(until) - PENALTY_SECONDS) if failed else heard_at


def _find_self_test(device: Declared, report: Reported, digest: str | None) -> bool | None:
    """Returns whether the active model passed its test; one that was forgotten over a boot is still true of it."""
    if report.self_test is not None:
        return report.self_test.passed == report.self_test.total
    kept = device.status.reported[0] if device.status.reported else None
    if kept is None or kept.self_test is None or (kept.digest, kept.enrolment_id) != (digest, report.enrolment_id):
        return None
    return kept.self_test.passed == kept.self_test.total


def read_abilities(report: Reported) -> Abilities:
    """Returns what a device can hold and run: the same one for devices of a kind, so that it is judged once."""
    can = report.capabilities
    return _intern_abilities(can.slot_bytes, can.arena_bytes, report.security_floor, report.firmware_version, can.ops)


@lru_cache(maxsize=_KINDS_REMEMBERED)
def _intern_abilities(
    slot_bytes: int, arena_bytes: int, security_floor: int, firmware: str, ops: tuple[str, ...] | None
) -> Abilities:
    return Abilities(slot_bytes, arena_bytes, security_floor, firmware, frozenset(ops) if ops else None)


def _read_unhandled(annotations: dict[str, str], record: Record) -> Mapping[str, str]:
    """Returns the tokens that nobody has acted on yet."""
    tokens = read_tokens(annotations)
    handled = {token.name: token.value for token in record.handled_tokens}
    return {name: tokens[name] for name in DEVICE_TOKENS if name in tokens and tokens[name] != handled.get(name)}


def read_command(device: Declared) -> Command | None:
    """Returns what an earlier process recorded of the device's last command."""
    for desired in device.status.desired:
        return Command(
            model=desired.model,
            version=desired.model_version,
            digest=desired.digest,
            generation=desired.generation,
            at=parse_time(desired.at),
            ring=desired.ring,
            attempt=device.status.attempts or 1,
        )
    return None


def _read_pin(device: Declared) -> Pin | None:
    pin = device.spec.pin
    if pin is None:
        return None
    return Pin(pin.model_version, pin.model, parse_time(pin.until) if pin.until else None)
