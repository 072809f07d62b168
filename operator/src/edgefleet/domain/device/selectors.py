"""Label selectors: what they match, and whether two of them can match the same device. Must not know Kubernetes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]

FRESH_VALUE: Final = "any-other"
"""Stands in a witness for "a value that no requirement names"."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement on a label. `matchLabels` are In with one value."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Says whether `labels` meet the requirement; an absent label meets NotIn, as in Kubernetes."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Says whether `labels` meet every requirement. Pure."""
        return all(requirement.matches(labels) for requirement in self.requirements)


@dataclass(slots=True)
class _Constraint:
    """What the requirements on one key leave open."""

    allowed: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    present: bool = False
    absent: bool = False

    def add(self, requirement: Requirement) -> None:
        match requirement.operator:
            case "In":
                values = requirement.values
                self.allowed = values if self.allowed is None else self.allowed & values
                self.present = True
            case "NotIn":
                self.refused |= requirement.values
            case "Exists":
                self.present = True
            case "DoesNotExist":
                self.absent = True

    def solve(self) -> tuple[bool, str | None]:
        """Returns whether the constraint can be met, and by which value (None: the label is absent)."""
        if self.absent:
            return (not self.present, None)
        if not self.present:
            return (True, None)
        if self.allowed is not None:
            left = sorted(self.allowed - self.refused)
            return (bool(left), left[0] if left else None)
        value = FRESH_VALUE
        while value in self.refused:
            value += "-x"
        return (True, value)


def find_overlap(first: Selector, second: Selector) -> dict[str, str] | None:
    """Returns labels that both selectors match, or None when no device could be in both.

    Exact: requirements on different keys are independent. Pure; deterministic.
    """
    constraints: dict[str, _Constraint] = {}
    for requirement in (*first.requirements, *second.requirements):
        constraints.setdefault(requirement.key, _Constraint()).add(requirement)
    witness: dict[str, str] = {}
    for key in sorted(constraints):
        possible, value = constraints[key].solve()
        if not possible:
            return None
        if value is not None:
            witness[key] = value
    return witness
