"""The table of steps: what moves a round, and that nothing else does."""

from __future__ import annotations

from itertools import product

import pytest

from edgefleet.domain.rollout.transitions import MOVES, TRANSITIONS, Cause, IllegalMoveError, Step, move


def test_each_pair_of_step_and_cause_leads_to_one_step() -> None:
    pairs = [(source, row.cause) for row in TRANSITIONS for source in row.sources]
    assert len(pairs) == len(set(pairs)) == len(MOVES)


def test_every_cause_stands_in_the_table_and_every_step_can_be_reached_and_left() -> None:
    assert {row.cause for row in TRANSITIONS} == set(Cause)
    assert {row.target for row in TRANSITIONS} == set(Step)
    assert {source for row in TRANSITIONS for source in row.sources} == set(Step)


@pytest.mark.parametrize(("step", "cause"), [pair for pair in product(Step, Cause) if pair not in MOVES])
def test_a_move_that_the_table_does_not_know_is_an_error(step: Step, cause: Cause) -> None:
    with pytest.raises(IllegalMoveError, match=f"{cause} does not move a round that is {step}"):
        move(step, cause)


def test_proof_comes_only_after_a_soak_and_its_metrics() -> None:
    assert [source for (source, _), target in MOVES.items() if target is Step.PROVED] == [Step.GATING]
    assert [source for (source, _), target in MOVES.items() if target is Step.GATING] == [Step.SOAKING]
    assert [source for (source, _), target in MOVES.items() if target is Step.SOAKING] == [Step.ROLLING]


@pytest.mark.parametrize("step", [Step.ABORTED, Step.ROLLING_BACK])
def test_a_stopped_round_is_left_only_for_a_new_one(step: Step) -> None:
    leaving = {target for (source, _), target in MOVES.items() if source is step}
    assert leaving <= {Step.PENDING, Step.ABORTED}
