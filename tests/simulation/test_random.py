"""Random worlds: fleets, rings, people, faults and leaders drawn from a seed, and every promise watched.

A failure names its seed: `SEED=1234 pytest tests/simulation/test_random.py` plays that world alone.
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.simulation.observer import Observer
from simulation.worlds import Dice, Watched

if TYPE_CHECKING:
    from edgefleet.domain.rollout.facts import FleetFacts
    from edgefleet.simulation.leader import Leader

_CHOSEN = os.environ.get("SEED")
SEEDS = [int(_CHOSEN)] if _CHOSEN else list(range(80))
MANY = [int(_CHOSEN)] if _CHOSEN else list(range(80, 6_080, 200))
DAY = 86_400.0


def shuffle(facts: FleetFacts, random: Random) -> FleetFacts:
    def mix(items: tuple) -> tuple:
        return tuple(random.sample(items, len(items)))

    return replace(facts, rings=mix(facts.rings), versions=mix(facts.versions), devices=mix(facts.devices))


class OrderDoesNotMatter(Observer):
    """Plans some passes again, with everything in another order."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.checked = 0

    def see_pass(self, leader: Leader, facts: FleetFacts, decided: Plan) -> None:
        if decided.effects and (not self.checked or self.random.random() < 0.3):
            self.checked += 1
            again = plan(shuffle(facts, self.random), leader.now)
            assert again.effects == decided.effects
            assert again.recheck_at == decided.recheck_at


def play(seed: int) -> Watched:
    shuffled = OrderDoesNotMatter(seed)
    watched = Dice(seed).draw(shuffled)
    watched.run()
    assert shuffled.checked or not watched.world.effects
    return watched


def rest_again(watched: Watched) -> None:
    """At rest nothing is to be done, in whatever order it is looked at, before the plan wants to look again."""
    facts, now, named = watched.leader.read_facts(), watched.world.agenda.now, f"SEED={watched.world.seed}"
    rested = plan(facts, now)
    assert rested.effects == (), named
    assert plan(shuffle(facts, Random(1)), now).effects == (), named
    later = (DAY, 40 * DAY) if rested.recheck_at is None else (0.5 * (rested.recheck_at - now),)
    for seconds in later:
        assert plan(facts, now + seconds).effects == (), f"{named}: {seconds:.0f} s later"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_world_keeps_every_promise(seed: int) -> None:
    rest_again(play(seed))


@pytest.mark.slow
@pytest.mark.parametrize("first", MANY)
def test_thousands_of_random_worlds_keep_every_promise(first: int) -> None:
    for seed in [first] if _CHOSEN else range(first, first + 200):
        rest_again(play(seed))


def test_the_same_seed_is_the_same_world() -> None:
    for seed in (3, 11):
        first, second = Dice(seed).draw(), Dice(seed).draw()
        one, other = first.world.run(), second.world.run()
        assert (one.transitions, one.commands, one.outcomes) == (other.transitions, other.commands, other.outcomes)


def test_another_seed_is_another_world() -> None:
    runs = {Dice(seed).draw().world.run().commands for seed in range(5)}
    assert len(runs) == 5
