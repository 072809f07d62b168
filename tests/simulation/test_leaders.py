"""Leaders that die between any two effects, or hang and go on when they are no longer wanted: the end is the same."""

from __future__ import annotations

import pytest

from edgefleet.domain.rollout.effects import SendCommand
from edgefleet.domain.rollout.facts import AbortRule, FleetFacts
from edgefleet.domain.rollout.planner import plan
from edgefleet.simulation.behaviour import SELF_TEST_FAILED, Behaviour
from edgefleet.simulation.leader import Leader, Pace
from edgefleet.simulation.moves import AddVersion, RemoveVersion
from edgefleet.simulation.observer import Observer
from edgefleet.simulation.world import START, Trouble
from simulation.worlds import CHAIN, MODEL, V1, V2, V3, Watched, digest_of, draw_by_name, make_fleet, make_ring, watch

ALL = {f"motor-{number:03}" for number in range(7)}
RINGS = (
    make_ring("canary", track="^1", limit=2, abort_when=(AbortRule("Any", 40, 2),)),
    make_ring("rest", after=("canary",), max_concurrency=2, abort_when=(AbortRule("Any", 40, 2),)),
)
BAD = Behaviour(faults={digest_of(V2): SELF_TEST_FAILED}, spread=0.0)


def tell_good() -> tuple[FleetFacts, dict[str, Behaviour]]:
    return make_fleet(RINGS, devices=7), {}


def tell_bad() -> tuple[FleetFacts, dict[str, Behaviour]]:
    """Every board but the canary's fails: the second ring stops, and its evidence sends the canary back."""
    facts = make_fleet(RINGS, devices=7)
    canary = {device.name for device in plan(facts, START).rings["canary"].devices}
    return facts, dict.fromkeys(ALL - canary, BAD)


def play(story: str, trouble: Trouble, *, pace: Pace | None = None, observers: tuple[Observer, ...] = ()) -> Watched:
    facts, ways = tell_bad() if story == "bad" else tell_good()
    watched = watch(facts, draw=draw_by_name(ways), trouble=trouble, pace=pace, observers=observers)
    watched.world.push(60.0, AddVersion(V2))
    if story == "revert":
        watched.world.push(70.0, RemoveVersion(MODEL, V2.version))
    watched.run()
    return watched


def describe(watched: Watched) -> dict[str, object]:
    """Everything that must not depend on who led when."""
    states = {ring.name: ring.state for ring in watched.world.store.rings.values()}
    return {
        "runs": {name: board.active for name, board in watched.world.devices.items()},
        "steps": {name: (state.step, state.target, state.stable) for name, state in states.items()},
        "quarantine": {key: each.quarantine is not None for key, each in watched.world.store.versions.items()},
    }


@pytest.mark.parametrize("story", ["good", "bad", "revert"])
@pytest.mark.parametrize("fate", ["dies", "hangs"])
def test_after_every_single_effect_a_leader_may_die_or_hang(story: str, fate: str) -> None:
    undisturbed = play(story, Trouble())
    effects = undisturbed.world.effects
    assert effects > 10
    expected = describe(undisturbed)
    for place in range(effects):
        fates = frozenset({place})
        trouble = Trouble(crash_after=fates) if fate == "dies" else Trouble(pause_after=fates)
        watched = play(story, trouble)
        assert watched.leader.number == 2, f"effect {place} did not happen"
        if story == "good":
            assert describe(watched) == expected, f"after effect {place}"
        else:
            # Which boards had been tried when a round stopped is chance; where it all ends is not.
            assert watched.runs(V1) == ALL, f"after effect {place}"
            assert describe(watched)["steps"] == expected["steps"], f"after effect {place}"


def test_two_deaths_in_one_rollout_end_as_well() -> None:
    expected = describe(play("good", Trouble()))
    for first in range(0, 14, 3):
        for second in range(first + 1, 14, 3):
            assert describe(play("good", Trouble(crash_after=frozenset({first, second})))) == expected


def test_statuses_that_were_never_written_are_not_missed() -> None:
    lazy = Pace(status_seconds=1e6)
    watched = play("good", Trouble(crash_after=frozenset({3, 8})), pace=lazy)
    assert watched.runs(V2) == ALL


def test_a_leader_dies_after_one_effect_in_ten_and_the_fleet_arrives() -> None:
    for seed in range(5):
        watched = watch(make_fleet(CHAIN), trouble=Trouble(crash_share=0.1), seed=seed)
        watched.world.push(60.0, AddVersion(V2))
        watched.world.push(5_000.0, AddVersion(V3))
        watched.run()
        assert len(watched.runs(V3)) == 12


class Late(Observer):
    """Collects what a leader that was replaced goes on to send."""

    def __init__(self) -> None:
        self.sent = 0

    def see_effect(self, leader: Leader, effect: object) -> None:
        self.sent += isinstance(effect, SendCommand) and not leader.alive


def test_a_leader_that_was_replaced_goes_on_and_nobody_obeys_it() -> None:
    late = Late()
    watched = play("good", Trouble(pause_after=frozenset({1})), observers=(late,))
    assert late.sent >= 1
    assert watched.runs(V2) == ALL
    epochs = {each.leader: each.generation >> 32 for each in watched.world.record.commands}
    assert epochs[1] < epochs[2]


def test_each_leader_opens_an_epoch_above_everything_that_anybody_has_seen() -> None:
    watched = play("good", Trouble(crash_after=frozenset({1, 5, 9})))
    epochs = [each.generation >> 32 for each in watched.world.record.commands]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 1
    assert watched.world.store.epoch == watched.leader.number
