"""A twin to the planner's facts. Mapping only."""

from typing import Final

from edgefleet.contracts.reported import Phase, Reported
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.ring_facts import read_window
from edgefleet.controllers.times import parse_time
from edgefleet.domain.rollout.facts import Command, DeviceFacts, Pin, Progress, Report

_PROGRESS: Final = {
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


def read_device(device: Declared, voice: Voice, command: Command | None, *, class_known: bool) -> DeviceFacts:
    """Returns a device, what it was told and what it says."""
    spec = device.spec
    return DeviceFacts(
        name=device.name,
        device_class=spec.device_class,
        labels=device.labels,
        ring=device.status.ring,
        class_known=class_known,
        online=voice.online,
        online_since=voice.since,
        updates_enabled=spec.updates_enabled,
        revoked=spec.revoked,
        pin=_read_pin(device),
        window=read_window(spec.window),
        command=command,
        report=read_report(voice.report, voice.changed_at) if voice.report is not None else None,
    )


def read_report(report: Reported, changed_at: float) -> Report:
    """Returns a report as the planner reads it."""
    progress = _PROGRESS[report.phase]
    return Report(
        digest=report.active.digest if report.active is not None else None,
        generation=report.observed_generation,
        progress=progress,
        reason=report.reason.value if progress not in (Progress.NONE, Progress.DONE) else "",
        message=report.message or "",
        changed_at=changed_at,
    )


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
        )
    return None


def _read_pin(device: Declared) -> Pin | None:
    pin = device.spec.pin
    if pin is None:
        return None
    return Pin(pin.model_version, pin.model, parse_time(pin.until) if pin.until else None)
