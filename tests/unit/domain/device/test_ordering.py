"""Reports are ordered by the device's own counters; a board that was flashed anew starts over."""

from __future__ import annotations

import pytest

from edgefleet.domain.device.ordering import Moment, follows

LAST = Moment("e1", 4, 7)


@pytest.mark.parametrize(
    ("new", "want"),
    [
        (Moment("e1", 4, 8), True),
        (Moment("e1", 5, 0), True),
        (Moment("e1", 4, 7), True),
        (Moment("e1", 4, 6), False),
        (Moment("e1", 3, 99), False),
        (Moment("e2", 0, 0), True),
    ],
)
def test_a_report_follows_another(new: Moment, want: bool) -> None:
    assert follows(new, LAST) is want


def test_the_first_report_follows_nothing() -> None:
    assert follows(LAST, None)
