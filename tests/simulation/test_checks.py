"""Every check notices: worlds whose planner, leader or board breaks a promise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.domain.rollout.effects import Effect, SaveRing, SendCommand
from edgefleet.domain.rollout.facts import AbortRule, FleetFacts, RingState
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.domain.rollout.transitions import Step
from edgefleet.simulation.behaviour import DOWNLOAD_FAILED, SELF_TEST_FAILED, Behaviour
from edgefleet.simulation.environment import Act
from edgefleet.simulation.leader import Leader, Pace
from edgefleet.simulation.moves import AddVersion, RemoveVersion
from edgefleet.simulation.world import Trouble
from simulation.worlds import CHAIN, CLASS, MODEL, V2, V3, digest_of, draw_by_name, make_fleet, make_ring, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edgefleet.simulation.device import Device

ONE = make_ring("all", track="^1", abort_when=(AbortRule("Any", 20, 4),))


def blind(**changes: Any) -> Callable[[FleetFacts, float], Plan]:
    """A planner that reads every ring with other bounds than it has."""

    def decide(facts: FleetFacts, now: float) -> Plan:
        return plan(replace(facts, rings=tuple(replace(ring, **changes) for ring in facts.rings)), now)

    return decide


def tampered(add: Callable[[FleetFacts, Plan], Iterable[Effect]]) -> Callable[[FleetFacts, float], Plan]:
    """A planner that does a little more than it should."""

    def decide(facts: FleetFacts, now: float) -> Plan:
        decided = plan(facts, now)
        return replace(decided, effects=(*decided.effects, *add(facts, decided)))

    return decide


def broken(facts: FleetFacts, **other: Any) -> set[str]:
    """Plays a new version through, for an hour, and returns the checks that noticed something."""
    watched = watch(facts, **other)
    watched.world.push(60.0, AddVersion(V2))
    watched.world.run(seconds=3_600.0)
    return {violation.check for violation in watched.everything.violations}


def test_nothing_is_noticed_where_nothing_is_broken() -> None:
    ring = replace(ONE, max_concurrency=2, budget=2, budget_label="site", rate_per_minute=20)
    assert broken(make_fleet((ring,), sites=2, rate_per_minute=20)) == set()


@pytest.mark.parametrize("bound", [{"max_concurrency": 2}, {"budget": 1, "budget_label": "site"}])
def test_too_many_at_once(bound: dict[str, Any]) -> None:
    facts = make_fleet((replace(ONE, **bound),), sites=2)
    assert broken(facts, planner=blind(max_concurrency=None, budget=None)) == {"SlotsAreBounded"}


def test_a_rate_that_is_ignored() -> None:
    assert broken(make_fleet((replace(ONE, rate_per_minute=6),)), planner=blind(rate_per_minute=None)) == {
        "RatesAreKept"
    }
    hasty = lambda facts, now: plan(replace(facts, rate_per_minute=None), now)  # noqa: E731
    assert broken(make_fleet((ONE,), rate_per_minute=6), planner=hasty) == {"RatesAreKept"}


def test_a_ring_that_does_not_wait_for_its_predecessor() -> None:
    facts = make_fleet((replace(CHAIN[0], soak=600.0), CHAIN[1]))
    assert broken(facts, planner=blind(after=(), track="^1")) >= {"ProofsComeFirst"}


def test_a_command_for_something_else_than_the_target() -> None:
    def add(facts: FleetFacts, _: Plan) -> Iterable[Effect]:
        for device in facts.devices[:1]:
            if device.command is not None and device.command.version == V2.version:
                yield SendCommand(device.name, MODEL, V3.version, V3.artifacts[CLASS], "all")

    facts = make_fleet((ONE,))
    assert broken(replace(facts, versions=(*facts.versions,)), planner=tampered(add)) >= {"ProofsComeFirst"}


def stop(fault: Any) -> dict[str, Any]:
    """Worlds in which the new version fails."""
    return {"draw": draw_by_name({}, Behaviour(faults={digest_of(V2): fault}, spread=0.0))}


def command_what_was_stopped(facts: FleetFacts, decided: Plan) -> Iterable[Effect]:
    if decided.rings["all"].turn.state.step == "Aborted":
        yield SendCommand(facts.devices[0].name, MODEL, V2.version, V2.artifacts[CLASS], "all", renew=True)


def test_a_command_for_what_the_ring_has_stopped() -> None:
    found = broken(make_fleet((ONE,)), planner=tampered(command_what_was_stopped), **stop(DOWNLOAD_FAILED))
    assert found == {"AbortsHold"}


def test_a_command_for_what_is_in_quarantine() -> None:
    found = broken(make_fleet((ONE,)), planner=tampered(command_what_was_stopped), **stop(SELF_TEST_FAILED))
    assert found >= {"QuarantineHolds", "AbortsHold"}


def test_a_stopped_ring_that_starts_by_itself() -> None:
    def add(facts: FleetFacts, decided: Plan) -> Iterable[Effect]:
        state = decided.rings["all"].turn.state
        if state.step == "Aborted" and facts.rings[0].state.step == "Aborted" and state.round == 2:
            yield SaveRing("all", replace(state, step=Step.PENDING, round=state.round + 1))

    assert "AbortsHold" in broken(make_fleet((ONE,)), planner=tampered(add), **stop(DOWNLOAD_FAILED))


def test_a_device_that_is_blamed_before_its_time() -> None:
    mute = {"draw": draw_by_name({"motor-003": Behaviour(mute=True)})}
    facts = make_fleet((replace(ONE, success_percent=50, abort_when=()),))
    assert broken(facts, **mute) == set()
    assert broken(facts, planner=blind(ack_deadline=1.0), **mute) == {"NobodyIsBlamedUnheard"}


def test_a_device_that_is_blamed_while_it_is_away() -> None:
    def decide(facts: FleetFacts, now: float) -> Plan:
        return plan(replace(facts, devices=tuple(replace(device, online=True) for device in facts.devices)), now)

    facts = make_fleet((replace(ONE, success_percent=50, abort_when=(), ack_deadline=60.0),))
    away = tuple(replace(device, online=device.name != "motor-003") for device in facts.devices)
    assert "NobodyIsBlamedUnheard" in broken(replace(facts, devices=away), planner=decide)


def test_generations_that_are_given_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    # An epoch that was not written down, statuses that were not either, and a device that has not answered.
    monkeypatch.setattr(Leader, "_record_epoch", lambda _: None)
    watched = watch(
        make_fleet((replace(ONE, max_concurrency=1),), devices=1),
        draw=draw_by_name({}, Behaviour(mute=True)),
        pace=Pace(status_seconds=1e6),
        trouble=Trouble(crash_after=frozenset({2})),
    )
    watched.world.push(60.0, AddVersion(V2))
    watched.world.push(65.0, RemoveVersion(MODEL, V2.version), AddVersion(V3))
    watched.world.run(seconds=600.0)
    assert "GenerationsRise" in {violation.check for violation in watched.everything.violations}


def test_a_board_that_runs_what_nobody_asked_for() -> None:
    def corrupt(board: Device) -> None:
        board.active = "f" * 64
        board.environment.watch(board.name, Act.ACTIVATES)

    watched = watch(make_fleet((ONE,)))
    watched.world.happen(30.0, "motor-003", corrupt)
    watched.world.run(seconds=600.0)
    assert {violation.check for violation in watched.everything.violations} >= {"GenerationsRise"}


def without(dropped: Callable[[SendCommand], bool]) -> Callable[[FleetFacts, float], Plan]:
    """A planner that keeps some commands to itself, and takes its stopped rings for done."""

    def end(state: RingState) -> RingState:
        return replace(state, step=Step.ABORTED) if state.step is Step.ROLLING_BACK else state

    def decide(facts: FleetFacts, now: float) -> Plan:
        decided = plan(facts, now)
        kept = [each for each in decided.effects if not (isinstance(each, SendCommand) and dropped(each))]
        effects = tuple(replace(each, state=end(each.state)) if isinstance(each, SaveRing) else each for each in kept)
        rings = {
            name: replace(ring, turn=replace(ring.turn, state=end(ring.turn.state)))
            for name, ring in decided.rings.items()
        }
        return replace(decided, effects=effects, rings=rings, recheck_at=None)

    return decide


def test_a_device_that_is_forgotten_in_the_end() -> None:
    facts = make_fleet((replace(ONE, success_percent=50),))
    assert broken(facts, planner=without(lambda _: False)) == set()
    assert broken(facts, planner=without(lambda each: each.device == "motor-003")) == {"RestIsReached"}


def test_a_device_that_is_not_sent_back() -> None:
    ways = {f"motor-{number:03}": Behaviour(faults={digest_of(V2): SELF_TEST_FAILED}) for number in range(6)}
    facts = make_fleet((replace(ONE, max_concurrency=4, abort_when=(AbortRule("Any", 40, 4),)),))
    assert broken(facts, draw=draw_by_name(ways)) == set()
    found = broken(facts, draw=draw_by_name(ways), planner=without(lambda each: each.version == "1.0.0"))
    assert found == {"RestIsReached"}
