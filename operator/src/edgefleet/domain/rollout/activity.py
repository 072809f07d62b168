"""What a device does with its last command, as far as its reports tell. Pure."""

from typing import Final

from edgefleet.domain.rollout.facts import DeviceFacts, Pin, Progress

FAILED: Final = frozenset({Progress.FAILED, Progress.ROLLED_BACK})
"""Ends of a command that count against the device."""
_UNDECIDED: Final = frozenset({Progress.WORKING, Progress.DEFERRED})
"""What may still become something else."""


def active_pin(device: DeviceFacts, now: float) -> Pin | None:
    """Returns the device's pin while it holds."""
    pin = device.pin
    return pin if pin is not None and (pin.until is None or now < pin.until) else None


def is_unanswered(device: DeviceFacts) -> bool:
    """Says whether the device's last command has not been acknowledged: it may still act on it."""
    command, report = device.command, device.report
    return command is not None and (report is None or report.generation < command.generation)


def is_working(device: DeviceFacts) -> bool:
    """Says whether the device is at its last command, or at one that only a leader knew who is gone."""
    command, report = device.command, device.report
    if report is None or report.progress is not Progress.WORKING:
        return False
    return command is None or report.generation >= command.generation


def is_busy(device: DeviceFacts) -> bool:
    """Says whether a command changes the device now, or may at any moment: it holds a slot."""
    command, report = device.command, device.report
    if command is None or not is_unanswered(device):
        return is_working(device)
    # Who is told to keep what it runs is not disturbed.
    return report is None or report.digest != command.digest or report.progress in _UNDECIDED


def is_wavering(device: DeviceFacts) -> bool:
    """Says whether the device may still act on another command than its last one, whatever it runs now."""
    command, report = device.command, device.report
    if report is None:
        return False
    if report.progress is Progress.WORKING:
        return command is None or report.generation != command.generation
    return report.progress is Progress.DEFERRED and is_unanswered(device)


def next_attempt(device: DeviceFacts) -> int:
    """Returns which try in a row another command would be."""
    command, report = device.command, device.report
    if command is None or report is None or report.generation < command.generation or "retry" in device.tokens:
        return 1
    return command.attempt + 1 if report.progress in FAILED else 1
