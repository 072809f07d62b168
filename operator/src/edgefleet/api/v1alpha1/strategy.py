"""How a ring moves, what proves its round and what stops it: parts of a RolloutRing's spec."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.api.labels import LabelKey
from edgefleet.api.rules import Rule, at_least_one
from edgefleet.api.scalars import (
    INTEGRAL,
    Duration,
    Name,
    Number,
    Percent,
    PositiveCount,
    Share,
    Tolerance,
    seconds,
)
from edgefleet.api.structure import ListKind, Section, items


class Rate(Section):
    """How fast devices are commanded."""

    per_minute: Annotated[int, Field(ge=1, le=1_000_000), INTEGRAL]
    """Commands a minute, all paths together."""


class Budget(Section):
    """How many devices may be disturbed at once."""

    group_by: LabelKey | None = None
    """Label whose values share the budget, such as site; the whole ring when absent."""
    max_unavailable: Share
    """Devices of a group that may be out of service at once; a percentage is rounded up to at least one."""
    count_offline: bool = True
    """Whether devices that are offline anyway use up the budget."""


class Strategy(Section):
    """How a ring moves."""

    max_concurrency: Share | None = None
    """Devices updating at once; a percentage of the ring is rounded up to at least one."""
    rate: Rate | None = None
    """How fast devices are commanded."""
    budget: Budget | None = None
    """How many devices may be disturbed at once."""


class MetricGate(Section):
    """A bound on a figure, absolute or against a control ring. A figure that cannot be had holds the ring."""

    rules: ClassVar[tuple[Rule, ...]] = (
        at_least_one("gate-needs-a-bound", "max", "maxRatio"),
        Rule(
            id="ratio-needs-control",
            cel="has(self.maxRatio) == has(self.control)",
            message="maxRatio and control go together",
            check=lambda self: (self.max_ratio is None) == (self.control is None),
        ),
    )

    metric: Literal["selfTestFailures", "latency", "alertRate", "liveError", "drift"]
    """The figure: self-test and latency come from the devices, the others from the drift monitor."""
    max: Annotated[Number, Field(ge=0)] | None = None
    """Largest value that passes (latency in microseconds, the others as a share from 0 to 1)."""
    max_ratio: Annotated[Number, Field(ge=0, le=1000)] | None = None
    """Largest value relative to the control ring's."""
    control: Name | None = None
    """A ring with the version before, to compare with."""


class PromoteWhen(Section):
    """What must be true before the ring counts as proved."""

    success_percent: Percent = 100
    """Share of judged devices that must have succeeded."""
    min_sample: PositiveCount = 1
    """Devices that must have been judged; capped at the ring's size."""
    soak: Duration | None = None
    """How long it must stay so, counted for this round and digest."""
    metrics: Annotated[tuple[MetricGate, ...], items(8), ListKind("map", ("metric",))] = ()
    """Further gates."""


class AbortWhen(Section):
    """When to stop at once. Rejected and deferred devices are no failures."""

    type: Literal["Failed", "TimedOut", "RolledBack", "Any"]
    """Which failures count."""
    percent: Tolerance
    """Share of judged devices above which the ring aborts."""
    min_sample: PositiveCount = 1
    """Devices that must have been judged before the raw share counts; capped at the ring's size."""


class Deadlines(Section):
    """Separate clocks. A device that sleeps is not timed out before it was reached."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="deadlines-fit-ring",
            cel="!has(self.ring)"
            " || ((!has(self.ack) || duration(self.ack) <= duration(self.ring))"
            " && (!has(self.progress) || duration(self.progress) <= duration(self.ring)))",
            message="ack and progress must not be longer than ring",
            check=lambda self: (
                self.ring is None
                or all(part is None or seconds(part) <= seconds(self.ring) for part in (self.ack, self.progress))
            ),
        ),
    )

    ack: Duration | None = None
    """From command to acknowledgement, while the device is online; 10m when absent."""
    progress: Duration | None = None
    """Between two signs of progress; 30m when absent."""
    ring: Duration | None = None
    """From the first command to the last outcome; none when absent."""


class Shadow(Section):
    """The candidate scores the same inputs beside the version in force, without being used (inference pods)."""

    min_windows: PositiveCount
    """Windows to compare."""
    max_disagreement_percent: Tolerance
    """Share of differing decisions that still passes."""
