"""Demands on several fields of one object. The firmware has the same list (firmware/core/src/ef_rules.c)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from edgefleet.contracts.reasons import Reason


class Rule(Enum):
    """The demands there are; the value is the rule's name in C."""

    BOOT_WITH_SEQ = "BootWithSeq"  # `boot` and `seq` come together or not at all
    INTERVAL = "Interval"  # `from` and `to` are days of the calendar, and `to` is later


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """Which field breaks a rule, with the reason and the demand in words."""

    reason: Reason
    path: str
    demand: str


def broken_rule(rule: Rule, tree: Mapping[str, Any]) -> BrokenRule | None:
    """Check one rule.

    Args:
        rule: the demand.
        tree: an object under wire names whose fields are each valid.

    Returns:
        The first field at fault, or None.
    """
    if rule is Rule.BOOT_WITH_SEQ:
        return _missing_half(tree)
    return _bad_interval(tree)


def _missing_half(tree: Mapping[str, Any]) -> BrokenRule | None:
    for present, absent in (("boot", "seq"), ("seq", "boot")):
        if present in tree and absent not in tree:
            return BrokenRule(Reason.MISSING_FIELD, absent, f"{present} comes with {absent}")
    return None


def _bad_interval(tree: Mapping[str, Any]) -> BrokenRule | None:
    instants: list[datetime] = []
    for name in ("from", "to"):
        try:
            instants.append(parse_instant(tree[name]))
        except ValueError:
            return BrokenRule(Reason.OUT_OF_RANGE, name, "the calendar has no such day")
    if instants[1] <= instants[0]:
        return BrokenRule(Reason.OUT_OF_RANGE, "to", "the end is later than the start")
    return None


def parse_instant(text: str) -> datetime:
    """Read an instant of the contract's RFC 3339 profile.

    Args:
        text: matches `formats.INSTANT_PATTERN`.

    Returns:
        The instant in UTC, to the microsecond.

    Raises:
        ValueError: the month has no such day, or the year is 0.
    """
    moment, _, fraction = text.removesuffix("Z").partition(".")
    whole = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return whole.replace(microsecond=int(fraction.ljust(6, "0")) if fraction else 0)
