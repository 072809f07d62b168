"""Maintenance windows: whether one is open now, and when it opens next. Pure; the time zone table is the system's."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_AHEAD: Final = 8
"""Days to look ahead for the next opening: a week, and one for periods that begin late."""


_WEEK_SECONDS: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of local time; `end` at or before `start` is on the next day. `24:00` ends a day."""

    start: str
    end: str
    days: tuple[str, ...] = ()

    def on(self, day: date, zone: ZoneInfo) -> tuple[float, float] | None:
        """Returns the POSIX seconds at which the period that starts on `day` begins and ends, or None on other days."""
        if self.days and _DAYS[day.weekday()] not in self.days:
            return None
        begin = datetime.combine(day, time.fromisoformat(self.start), zone)
        if self.end == "24:00":
            end = datetime.combine(day + timedelta(days=1), time(0), zone)
        else:
            last = day if self.end > self.start else day + timedelta(days=1)
            end = datetime.combine(last, time.fromisoformat(self.end), zone)
        return begin.timestamp(), end.timestamp()


@dataclass(frozen=True, slots=True)
class Window:
    """Open during any of its periods, daylight saving included."""

    time_zone: str
    periods: tuple[Period, ...]

    def is_open(self, now: float) -> bool:
        """Says whether devices may be disturbed. Pure."""
        return any(begin <= now < end for begin, end in self._spans(now))

    def next_change(self, now: float) -> float | None:
        """Returns when the window next opens or closes, or None when it does not within a week. Pure.

        Periods that touch are one: where one ends and the next begins, nothing changes.
        """
        edges: list[float] = []
        for begin, end in sorted(self._spans(now)):
            if edges and begin <= edges[-1]:
                edges[-1] = max(edges[-1], end)
            else:
                edges += [begin, end]
        return min((edge for edge in edges if now < edge <= now + _WEEK_SECONDS), default=None)

    def _spans(self, now: float) -> list[tuple[float, float]]:
        zone = ZoneInfo(self.time_zone)
        today = datetime.fromtimestamp(now, zone).date()
        days = [today + timedelta(days=offset) for offset in range(-1, _AHEAD)]
        spans = (period.on(day, zone) for period in self.periods for day in days)
        return [span for span in spans if span is not None]
