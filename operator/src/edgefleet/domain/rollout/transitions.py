"""A round's steps and everything that moves it from one to the next, as one table.

Nothing else changes a step: `rounds` asks `move`, and a move that is not in the table is an error. The diagram in
docs/reference is drawn from the table.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """Where a round is."""

    PENDING = "Pending"
    ROLLING = "Rolling"
    SOAKING = "Soaking"
    GATING = "Gating"
    PROVED = "Proved"
    ABORTED = "Aborted"
    ROLLING_BACK = "RollingBack"
    SUSPENDED = "Suspended"


class Cause(StrEnum):
    """What moves a round."""

    TARGET_CHANGED = "TargetChanged"
    RETRY_REQUESTED = "RetryRequested"
    RING_CHANGED = "RingChanged"
    QUARANTINE_LIFTED = "QuarantineLifted"
    ADMITTED = "Admitted"
    GATE_PASSED = "GatePassed"
    GATE_LOST = "GateLost"
    SOAKED = "Soaked"
    PROVED = "Proved"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    ABORTED = "Aborted"
    RECALLED = "Recalled"
    RETURNED = "Returned"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: this cause, in any of these steps, leads there."""

    cause: Cause
    sources: tuple[Step, ...]
    target: Step
    meaning: str


_RUNNING: Final = (Step.PENDING, Step.ROLLING, Step.SOAKING, Step.GATING)
_STOPPED: Final = (Step.ABORTED, Step.ROLLING_BACK)
_STOPPABLE: Final = tuple(step for step in Step if step not in _STOPPED)

TRANSITIONS: Final = (
    Transition(Cause.TARGET_CHANGED, tuple(Step), Step.PENDING, "Git, or the rings before, ask for another version"),
    Transition(Cause.RETRY_REQUESTED, _STOPPED, Step.PENDING, "a person set a new edgefleet.io/retry token"),
    Transition(Cause.RING_CHANGED, _STOPPED, Step.PENDING, "the ring was edited after it had stopped"),
    Transition(Cause.QUARANTINE_LIFTED, _STOPPED, Step.PENDING, "the version left quarantine after the ring stopped"),
    Transition(Cause.ADMITTED, (Step.PENDING,), Step.ROLLING, "approved where approval is required, shadow agrees"),
    Transition(Cause.GATE_PASSED, (Step.ROLLING,), Step.SOAKING, "enough devices were judged, and enough succeeded"),
    Transition(Cause.GATE_LOST, (Step.SOAKING, Step.GATING), Step.ROLLING, "outcomes are no longer good enough"),
    Transition(Cause.SOAKED, (Step.SOAKING,), Step.GATING, "it stayed so for promoteWhen.soak"),
    Transition(Cause.PROVED, (Step.GATING,), Step.PROVED, "every metric of promoteWhen is within its bound"),
    Transition(Cause.SUSPENDED, _RUNNING, Step.SUSPENDED, "spec.suspend is true"),
    Transition(Cause.RESUMED, (Step.SUSPENDED,), Step.PENDING, "spec.suspend is false again"),
    Transition(Cause.ABORTED, _STOPPABLE, Step.ABORTED, "too many failures, a deadline, or quarantine; all stay"),
    Transition(
        Cause.RECALLED,
        _STOPPABLE,
        Step.ROLLING_BACK,
        "too many failures, a deadline, or quarantine; moved devices go back",
    ),
    Transition(Cause.RETURNED, (Step.ROLLING_BACK,), Step.ABORTED, "every device that can go back has"),
)
"""The whole of it. A pair of step and cause occurs at most once."""

MOVES: Final = {(source, row.cause): row.target for row in TRANSITIONS for source in row.sources}

OPEN_STEPS: Final = frozenset({*_RUNNING, Step.SUSPENDED, Step.ROLLING_BACK})
"""A round that has not ended: its ring keeps the devices it has."""
STOPPED_STEPS: Final = frozenset(_STOPPED)


class IllegalMoveError(ValueError):
    """A move that the table does not know: a fault of the planner."""


def move(step: Step, cause: Cause) -> Step:
    """Returns the step that `cause` leads to. Pure.

    Raises:
        IllegalMoveError: the table has no such move.
    """
    target = MOVES.get((step, cause))
    if target is None:
        raise IllegalMoveError(f"{cause} does not move a round that is {step}")
    return target
