"""Maintenance windows: local time, daylight saving, periods over midnight, and when to look again."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edgefleet.domain.rollout.windows import Period, Window

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-03-02T21:59", False),
        ("2026-03-02T22:00", True),
        ("2026-03-03T05:59", True),
        ("2026-03-03T06:00", False),
        ("2026-03-07T23:00", False),  # Saturday
        ("2026-03-07T05:00", True),  # what began on Friday lasts into Saturday
        ("2026-03-09T05:00", False),  # Monday: Sunday night was none
    ],
)
def test_a_night_of_the_week(text: str, want: bool) -> None:
    window = Window("Europe/Berlin", (Period("22:00", "06:00", ("Mon", "Tue", "Wed", "Thu", "Fri")),))
    assert window.is_open(at(text)) is want


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-05-01", 8)])
def test_a_night_of_daylight_saving_is_an_hour_shorter_or_longer(day: str, hours: int) -> None:
    window = Window("Europe/Berlin", (Period("22:00", "06:00"),))
    begins = at(f"{day}T22:00")
    assert window.is_open(begins)
    ends = window.next_change(begins)
    assert ends is not None
    assert (ends - begins) / 3600 == hours


def test_the_next_change_is_an_opening_or_a_closing() -> None:
    window = Window("Europe/Berlin", (Period("22:00", "06:00", ("Sat",)),))
    assert window.next_change(at("2026-03-02T12:00")) == at("2026-03-07T22:00")
    assert window.next_change(at("2026-03-07T22:00")) == at("2026-03-08T06:00")


def test_periods_that_touch_or_overlap_are_one() -> None:
    always = Window("Europe/Berlin", (Period("00:00", "24:00"),))
    assert always.is_open(at("2026-03-02T00:00"))
    assert always.next_change(at("2026-03-02T12:00")) is None
    joined = Window("UTC", (Period("08:00", "12:00"), Period("12:00", "14:00"), Period("13:00", "16:00")))
    utc = ZoneInfo("UTC")
    assert joined.next_change(at("2026-03-02T09:00", utc)) == at("2026-03-02T16:00", utc)


def test_a_window_is_where_the_ring_says_not_where_the_operator_runs() -> None:
    window = Window("Asia/Tokyo", (Period("09:00", "10:00"),))
    assert window.is_open(at("2026-03-02T00:30", ZoneInfo("UTC")))
    assert not window.is_open(at("2026-03-02T09:30", ZoneInfo("UTC")))
