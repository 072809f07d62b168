"""Figures and names as people read them. Deterministic: no locale, no width of a terminal."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_DAY: Final = 86_400
_HOUR: Final = 3_600
_MINUTE: Final = 60


def count_nouns(count: int, noun: str) -> str:
    """Returns "1 device", "2 devices", "10,000 devices"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_bytes(count: int) -> str:
    """Returns "812 B", "84.6 kB", "352 kB": three digits, as much as anybody compares."""
    for unit, size in _UNITS:
        if count >= size:
            value = count / size
            return f"{value:.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
    return f"{count} B"


def format_duration(seconds: float) -> str:
    """Returns "0 s", "12 s", "1 min 12 s", "2 h 5 min", "3 d 4 h": the two largest units, seconds rounded up."""
    whole = int(-(-seconds // 1))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _join(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _join(whole, _HOUR, "h", _MINUTE, "min")
    return _join(whole, _DAY, "d", _HOUR, "h")


def _join(whole: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    first, second = whole // large, whole % large // small
    return f"{first} {large_unit} {second} {small_unit}" if second else f"{first} {large_unit}"


def format_instant(seconds: float) -> str:
    """Returns "2026-11-21 06:00 UTC"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def name_some(names: Iterable[str], most: int = 3) -> str:
    """Returns "a, b, c and 4 more", in the order given."""
    listed = list(names)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def join_words(words: Iterable[str]) -> str:
    """Returns "a", "a and b", "a, b and c"."""
    listed = list(words)
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def format_about(seconds: float) -> str:
    """Returns a duration as one says it: no seconds from ten minutes on, no minutes from ten hours on."""
    for least, unit in ((10 * _HOUR, _HOUR), (10 * _MINUTE, _MINUTE)):
        if seconds >= least:
            return format_duration(round(seconds / unit) * unit)
    return format_duration(seconds)


def format_offset(seconds: float) -> str:
    """Returns "now", "+12 s"."""
    return f"+{format_duration(seconds)}" if seconds > 0 else "now"


def clean(text: str) -> str:
    """Returns text of unknown origin on one line and without what a terminal would obey."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
