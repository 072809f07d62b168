"""Where one device stands in its ring's round, from what it was told and what it says. Pure; nothing is remembered."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edgefleet.domain.rollout.facts import Artifact, Command, DeviceFacts, Pin, Progress, Report, RingFacts


class Standing(StrEnum):
    """A device's place in a round; each device has exactly one."""

    UPDATED = "Updated"
    HELD = "Held"
    COMMANDED = "Commanded"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    REJECTED = "Rejected"
    ROLLED_BACK = "RolledBack"
    DEFERRED = "Deferred"
    OFFLINE = "Offline"
    EXCLUDED = "Excluded"


IN_FLIGHT: Final = frozenset({Standing.COMMANDED, Standing.IN_PROGRESS})
"""Holds a slot."""
FAILURES: Final = frozenset({Standing.FAILED, Standing.TIMED_OUT, Standing.ROLLED_BACK})
"""Counts against the round. Rejected, deferred and offline devices do not."""

_OUTCOMES: Final = {
    Progress.FAILED: Standing.FAILED,
    Progress.REJECTED: Standing.REJECTED,
    Progress.ROLLED_BACK: Standing.ROLLED_BACK,
    Progress.DEFERRED: Standing.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class Stand:
    """A device, where it stands, and why.

    Attributes:
        device: the device.
        standing: where it stands.
        artifact: its class's file of the round's target, None where there is none.
        reason: one word; the device's own where it gave one.
        message: a sentence, possibly empty.
    """

    device: DeviceFacts
    standing: Standing
    artifact: Artifact | None = None
    reason: str = ""
    message: str = ""


def active_pin(device: DeviceFacts, now: float) -> Pin | None:
    """Returns the device's pin while it holds."""
    pin = device.pin
    return pin if pin is not None and (pin.until is None or now < pin.until) else None


def judge_device(
    device: DeviceFacts, ring: RingFacts, artifact: Artifact | None, started_at: float, now: float
) -> Stand:
    """Returns where the device stands.

    Args:
        device: a device of the ring.
        ring: for its deadlines.
        artifact: the target's file for the device's class, if it has one.
        started_at: when the round began: failures of commands before that are an earlier round's.
        now: POSIX seconds.
    """
    barred = _bar_device(device, artifact, now)
    if barred is not None or artifact is None:
        message = f"the target has no artifact for class {device.device_class}"
        return barred or Stand(device, Standing.REJECTED, None, "NoArtifact", message)
    command = device.command
    meant = command is not None and command.digest == artifact.digest
    if device.report is not None and device.report.digest == artifact.digest and (command is None or meant):
        return Stand(device, Standing.UPDATED, artifact)
    if not device.updates_enabled:
        return Stand(device, Standing.EXCLUDED, artifact, "UpdatesDisabled", "updatesEnabled is false")
    if command is not None and meant and command.at >= started_at:
        return _judge_commanded(device, ring, artifact, command, now)
    if not device.online:
        return Stand(device, Standing.OFFLINE, artifact, "Offline", "is offline")
    return Stand(device, Standing.HELD, artifact)


def _bar_device(device: DeviceFacts, artifact: Artifact | None, now: float) -> Stand | None:
    """Returns the stand of a device that its ring leaves alone."""
    pin = active_pin(device, now)
    if device.revoked:
        return Stand(device, Standing.EXCLUDED, artifact, "Revoked", "is revoked")
    if pin is not None:
        return Stand(device, Standing.EXCLUDED, artifact, "Pinned", f"is pinned to {pin.version}")
    if not device.class_known:
        message = f"device class {device.device_class} is not declared"
        return Stand(device, Standing.REJECTED, artifact, "ClassUnknown", message)
    return None


def _judge_commanded(device: DeviceFacts, ring: RingFacts, artifact: Artifact, command: Command, now: float) -> Stand:
    report = device.report
    if report is None or report.generation < command.generation:
        waited = now - max(command.at, device.online_since)
        if not device.online:
            return Stand(device, Standing.OFFLINE, artifact, "Offline", "is offline since it was commanded")
        if ring.ack_deadline is not None and waited > ring.ack_deadline:
            message = f"has not acknowledged within {ring.ack_deadline:.0f} s"
            return Stand(device, Standing.TIMED_OUT, artifact, "AckTimeout", message)
        return Stand(device, Standing.COMMANDED, artifact)
    outcome = _OUTCOMES.get(report.progress)
    if outcome is not None:
        return Stand(device, outcome, artifact, report.reason, report.message)
    return _judge_working(device, ring, artifact, report, now)


def _judge_working(device: DeviceFacts, ring: RingFacts, artifact: Artifact, report: Report, now: float) -> Stand:
    waited = now - max(report.changed_at, device.online_since)
    if not device.online:
        return Stand(device, Standing.OFFLINE, artifact, "Offline", "went offline while updating")
    if ring.progress_deadline is not None and waited > ring.progress_deadline:
        message = f"has made no progress for {ring.progress_deadline:.0f} s"
        return Stand(device, Standing.TIMED_OUT, artifact, "ProgressTimeout", message)
    return Stand(device, Standing.IN_PROGRESS, artifact, report.reason, report.message)
