"""Maintenance windows: when devices may be disturbed. Must not know any kind."""

from typing import Annotated, ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import Field

from edgefleet.api.rules import Rule, matches
from edgefleet.api.structure import ListKind, Section, items

_zones = frozenset(available_timezones())

# The API server's CEL has no list of time zones, but asking for the hour in one that does not exist is an error,
# and an error refuses the object.
TimeZone = Annotated[
    str,
    Field(min_length=3, max_length=64),
    matches(
        r"^(UTC|[A-Z][A-Za-z]*(/[A-Z][A-Za-z0-9_+-]*){1,2})$",
        "must be UTC or a name of the IANA time zone database such as Europe/Berlin",
        "time-zone-name",
    ),
    Rule(
        id="time-zone",
        cel="timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
        message="must be a time zone of the IANA database",
        check=lambda zone: zone in _zones,
    ),
]
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Period(Section):
    """A stretch of the day, on some days of the week."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="period-not-empty",
            cel="self.start != self.end",
            message="start and end must differ; a whole day is 00:00 to 24:00",
            check=lambda self: self.start != self.end,
        ),
    )

    days: Annotated[tuple[Day, ...], items(7), ListKind("set")] = ()
    """The days on which the period starts; every day when absent."""
    start: Annotated[str, Field(max_length=5), matches(_CLOCK, "must be a time of day such as 22:00", "clock")]
    """When it starts, local time."""
    end: Annotated[
        str,
        Field(max_length=5),
        matches(_CLOCK.replace("^(", "^(24:00|(").replace("]$", "])$"), "must be a time of day or 24:00", "clock-end"),
    ]
    """When it ends; at or before `start` means on the next day."""


class Window(Section):
    """When devices may be commanded. Outside it everything waits; what has begun is finished."""

    time_zone: TimeZone
    """The zone in which the periods are read, daylight saving included."""
    periods: Annotated[tuple[Period, ...], items(14), ListKind("atomic")]
    """The window is open during any of them."""
