"""Conditions after kstatus: Ready always, Reconciling and Stalled only while true and never both."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from edgefleet.api.meta import Condition
from edgefleet.api.v1alpha1.conditions import ConditionType
from edgefleet.controllers.times import format_time

MESSAGE_MAX: Final = 1024
_WHILE_TRUE: Final = frozenset({ConditionType.RECONCILING, ConditionType.STALLED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition as it should be now.

    Attributes:
        type: which.
        status: whether it holds; None for Unknown.
        reason: one CamelCase word.
        message: a sentence; cut where the API would refuse it.
    """

    type: ConditionType
    status: bool | None
    reason: str
    message: str = ""


def merge_conditions(
    before: Iterable[Condition], wanted: Iterable[Wanted], generation: int, now: float
) -> tuple[Condition, ...]:
    """Returns the conditions to store; each keeps its transition time as long as its status does.

    Reconciling and Stalled are left out unless they are true.
    """
    known = {condition.type: condition for condition in before}
    merged: list[Condition] = []
    for each in wanted:
        if each.type in _WHILE_TRUE and not each.status:
            continue
        status: Literal["True", "False", "Unknown"] = (
            "Unknown" if each.status is None else "True" if each.status else "False"
        )
        old = known.get(each.type)
        since = old.last_transition_time if old is not None and old.status == status else format_time(now)
        merged.append(
            Condition(
                type=each.type,
                status=status,
                observed_generation=generation,
                last_transition_time=since,
                reason=each.reason,
                message=each.message[:MESSAGE_MAX],
            )
        )
    return tuple(merged)


def find_condition(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """Returns the condition of a type, if it is there."""
    return next((condition for condition in conditions if condition.type == kind), None)
