"""Which of two reports of a device is the later one. Pure."""

from typing import NamedTuple


class Moment(NamedTuple):
    """When a device said something, by its own counters.

    Attributes:
        enrolment_id: made anew when a board is flashed: its counters start over.
        boot_count: kept in flash.
        seq: reports since boot.
    """

    enrolment_id: str
    boot_count: int
    seq: int


def follows(new: Moment, last: Moment | None) -> bool:
    """Says whether `new` may replace `last`: the same or a later moment of the same enrolment, or another enrolment.

    A message that is repeated changes nothing, so it may; one that was overtaken may not.
    """
    return last is None or new.enrolment_id != last.enrolment_id or new[1:] >= last[1:]
