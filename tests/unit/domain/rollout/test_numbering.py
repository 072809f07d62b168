"""Generations of commands rise, across leaders and above whatever anybody has seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgefleet.domain.rollout.numbering import Numbering

EPOCHS = st.integers(0, 2**20)
GENERATIONS = st.integers(0, 2**52)


@given(EPOCHS, EPOCHS, GENERATIONS)
def test_a_leadership_begins_above_everything_seen(epoch: int, recorded: int, reported: int) -> None:
    opened = Numbering(epoch, 5).open_epoch(reported, recorded)
    assert opened.epoch > max(epoch, recorded, reported >> 32)
    assert opened.generation > reported


@given(EPOCHS, st.lists(GENERATIONS, max_size=20))
def test_every_generation_is_above_the_last_and_above_what_the_device_reports(epoch: int, reports: list[int]) -> None:
    numbering = Numbering(epoch)
    for above in reports:
        following = numbering.advance(above)
        assert following.generation > max(numbering.generation, above)
        numbering = following


def test_a_sequence_that_runs_out_opens_another_epoch() -> None:
    following = Numbering(3, 2**32 - 1).advance(0)
    assert (following.epoch, following.sequence) == (4, 1)
