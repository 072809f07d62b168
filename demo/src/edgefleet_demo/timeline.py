"""How long a push takes to reach the fleet, and what part of it is whose. Must not know how snapshots are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgefleet_demo.snapshots import Snapshot


class Pushed(Protocol):
    """A push that a Git server took."""

    @property
    def commit(self) -> str:
        """The commit's id."""
        ...

    @property
    def began(self) -> float:
        """Monotonic seconds."""
        ...

    @property
    def ended(self) -> float:
        """Monotonic seconds."""
        ...


@dataclass
class Timeline:
    """What happened after a push, as snapshots show it.

    Args:
        push: The push.
        version: What all devices are to run in the end.
        devices: How many there are.
        arrived: Tells from a snapshot that what was pushed is in the cluster.
    """

    push: Pushed
    version: str
    devices: int
    arrived: Callable[[Snapshot], bool] = field(repr=False)
    applied: float | None = None
    """Monotonic seconds at which Flux was first seen to have applied it."""
    first: float | None = None
    """At which a first device was seen to run the version."""
    last: float | None = None
    """At which all of them were."""

    def observe(self, snapshot: Snapshot, now: float) -> None:
        """Take a snapshot into account, made at ``now`` monotonic seconds."""
        sync = snapshot.sync("fleet")
        if self.applied is None and (
            self.arrived(snapshot) or (sync is not None and sync.revision == self.push.commit)
        ):
            self.applied = now
        count = len(snapshot.confirmed(self.version))
        if self.first is None and count and self.applied is not None:
            self.first = now
        if self.last is None and count >= self.devices and self.applied is not None:
            self.last = now

    @property
    def total(self) -> float | None:
        """Seconds from the push's begin to the last device; None before that."""
        return None if self.last is None else self.last - self.push.began

    @property
    def flux_share(self) -> float | None:
        """Seconds of it from the push's begin until Flux had applied it."""
        return None if self.applied is None else self.applied - self.push.began

    def describe(self) -> str:
        """Return the figures as one line."""
        if self.total is None or self.flux_share is None:
            return "not measured"
        return (
            f"push to last of {self.devices} confirmed: {self.total:.1f} s "
            f"(git push {self.push.ended - self.push.began:.1f} s, until Flux had applied it {self.flux_share:.1f} s, "
            f"from there to the last device {self.total - self.flux_share:.1f} s)"
        )
