"""A promise that is watched, and what all of them read facts with."""

import math
from dataclasses import dataclass, field
from typing import Final

from edgefleet.domain.rollout.facts import DeviceFacts, Progress, RingFacts, Share
from edgefleet.simulation.observer import Observer

_KEPT: Final = 50
"""Violations that a check remembers."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken.

    Attributes:
        at: POSIX seconds.
        check: which promise.
        message: how.
    """

    at: float
    check: str
    message: str


@dataclass(slots=True)
class Check(Observer):
    """A promise, and how it was broken so far."""

    violations: list[Violation] = field(default_factory=list[Violation])

    def fail(self, at: float, message: str) -> None:
        """Notes a violation."""
        if len(self.violations) < _KEPT:
            self.violations.append(Violation(at, type(self).__name__, message))


def count(share: Share, total: int) -> int:
    """Returns how many of `total` devices a share allows; a fraction is rounded up."""
    return min(share if isinstance(share, int) else math.ceil(share * total - 1e-9), total)


def is_open(device: DeviceFacts) -> bool:
    """Says whether the device has been told something that it has not acknowledged."""
    command, report = device.command, device.report
    return command is not None and (report is None or report.generation < command.generation)


def is_busy(device: DeviceFacts) -> bool:
    """Says whether the device, as far as anybody knows, is being changed: being told what it runs changes nothing."""
    command, report = device.command, device.report
    if report is None:
        return command is not None
    return report.progress is Progress.WORKING or (
        command is not None and is_open(device) and report.digest != command.digest
    )


def has_had_its_time(device: DeviceFacts, ring: RingFacts, now: float) -> bool:
    """Says whether a device that is there has let its deadline pass, to acknowledge or to make progress."""
    command, report = device.command, device.report
    if command is None or not device.online:
        return False
    if report is None or is_open(device):
        return now > max(command.at, device.presence_since) + ring.ack_deadline
    return now > max(report.changed_at, device.presence_since) + ring.progress_deadline
