"""What holds of every plan, whatever state the fleet is in."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from edgefleet.domain.rollout.effects import LiftQuarantine, QuarantineVersion, RecallCommand, SaveRing, SendCommand
from edgefleet.domain.rollout.membership import count_share
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.domain.rollout.standing import Standing
from edgefleet.domain.rollout.transitions import MOVES, STOPPED_STEPS, Step
from support.fleet_strategies import NOW, fleets

if TYPE_CHECKING:
    from random import Random

    from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts


def sent(decided: Plan) -> list[SendCommand]:
    return [effect for effect in decided.effects if isinstance(effect, SendCommand)]


@given(fleets(), st.randoms())
def test_the_order_of_everything_is_irrelevant(facts: FleetFacts, random: Random) -> None:
    rings, versions, devices = list(facts.rings), list(facts.versions), list(facts.devices)
    for each in (rings, versions, devices):
        random.shuffle(each)
    shuffled = replace(facts, rings=tuple(rings), versions=tuple(versions), devices=tuple(devices))
    one, other = plan(facts, NOW), plan(shuffled, NOW)
    assert one.effects == other.effects
    assert one.devices == other.devices
    assert {name: (ring.waits, ring.reason) for name, ring in one.rings.items()} == {
        name: (ring.waits, ring.reason) for name, ring in other.rings.items()
    }
    assert one.recheck_at == other.recheck_at


@given(fleets())
def test_a_plan_of_the_same_facts_is_the_same(facts: FleetFacts) -> None:
    assert plan(facts, NOW) == plan(facts, NOW)


@given(fleets())
def test_every_device_stands_in_exactly_one_place_and_every_held_one_has_a_reason(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    assert set(decided.devices) == {device.name for device in facts.devices}
    members = Counter(device.name for ring in decided.rings.values() for device in ring.devices)
    assert all(number == 1 for number in members.values())
    for ring in decided.rings.values():
        assert ring.counts.total == len(ring.devices) == len(ring.stands)
    if facts.connected:
        for stand in decided.devices.values():
            assert stand.reason or stand.standing in (Standing.UPDATED, Standing.COMMANDED, Standing.IN_PROGRESS,
                                                      Standing.FAILED, Standing.REJECTED, Standing.ROLLED_BACK,
                                                      Standing.DEFERRED)  # fmt: skip


@given(fleets())
def test_a_ring_that_is_not_at_rest_says_what_it_waits_for(facts: FleetFacts) -> None:
    for ring in plan(facts, NOW).rings.values():
        state = ring.turn.state
        assert bool(ring.waits) == bool(ring.reason)
        if state.target is None or state.step is not Step.PROVED:
            assert ring.waits


@given(fleets())
def test_only_devices_that_are_there_and_willing_are_commanded_and_each_once(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    devices = {device.name: device for device in facts.devices}
    assert len({effect.device for effect in sent(decided)}) == len(sent(decided))
    for effect in sent(decided):
        device = devices[effect.device]
        assert device.online
        assert not device.revoked
        assert device.class_known
        if effect.ring is not None:
            assert device.updates_enabled
            assert effect.ring in {ring.name for ring in facts.rings}


@given(fleets())
def test_nobody_is_given_what_is_not_verified_or_is_in_quarantine(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    blocked = {effect.digest for effect in decided.effects if isinstance(effect, QuarantineVersion)}
    artifacts = {
        artifact.digest
        for version in facts.versions
        if version.digest in blocked or version.quarantine is not None
        for artifact in version.artifacts.values()
    }
    lifted = [effect for effect in decided.effects if isinstance(effect, LiftQuarantine)]
    if not lifted:
        assert not {effect.artifact.digest for effect in sent(decided)} & artifacts


@given(fleets())
def test_concurrency_and_budgets_are_never_exceeded(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    chosen = {effect.device for effect in sent(decided) if effect.ring is not None}
    for ring in facts.rings:
        shown = decided.rings[ring.name]
        pairs = list(zip(shown.devices, shown.stands, strict=True))
        if not any(device.name in chosen for device, _ in pairs):
            continue  # what was begun before may exceed a bound that was lowered; nothing is added to it
        new = [device for device, _ in pairs if device.name in chosen and not _is_busy(device)]
        slots = [device for device, stand in pairs if stand.holds_slot]
        if ring.max_concurrency is not None and new:
            assert len(slots) <= count_share(ring.max_concurrency, len(pairs))
        if ring.budget is None:
            continue
        for group in {device.labels.get(ring.budget_label or "") for device in new}:
            members = [(d, s) for d, s in pairs if d.labels.get(ring.budget_label or "") == group]
            down = [d for d, s in members if s.holds_slot or (ring.budget_counts_offline and not d.online)]
            assert len(down) <= count_share(ring.budget, len(members))


def _is_busy(device: DeviceFacts) -> bool:
    command, report = device.command, device.report
    if command is None:
        return False
    return report is None or report.generation < command.generation or report.progress.value == "Working"


@given(fleets())
def test_no_ring_takes_what_its_predecessors_have_not_proved(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    for ring in facts.rings:
        target = decided.rings[ring.name].turn.state.target
        if not ring.after or target is None or target == ring.state.target:
            continue
        for name in ring.after:
            assert target.digest in {proof.digest for proof in decided.rings[name].turn.state.proven}


@given(fleets())
def test_a_stopped_ring_starts_again_only_for_a_reason(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    for ring in facts.rings:
        after = decided.rings[ring.name].turn
        if ring.state.step in STOPPED_STEPS and after.state.step not in STOPPED_STEPS:
            changed = after.state.target != ring.state.target
            asked = "retry" in ring.tokens or (ring.state.abort and ring.generation != ring.state.abort.generation)
            assert changed or asked
            assert after.state.round == ring.state.round + 1
            assert after.state.abort is None


@given(fleets())
def test_steps_change_by_the_table_alone(facts: FleetFacts) -> None:
    """Any number of moves of the table leads from the step before to the step after."""
    reachable: dict[Step, set[Step]] = {step: {step} for step in Step}
    for _ in Step:
        for (source, _cause), target in MOVES.items():
            for step in Step:
                if source in reachable[step]:
                    reachable[step].add(target)
    decided = plan(facts, NOW)
    for ring in facts.rings:
        assert decided.rings[ring.name].turn.state.step in reachable[ring.state.step]


@given(fleets())
def test_queued_and_offline_devices_never_time_out(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    devices = {device.name: device for device in facts.devices}
    for name, stand in decided.devices.items():
        if stand.standing is Standing.TIMED_OUT:
            device = devices[name]
            assert device.online
            assert device.command is not None


@given(fleets())
def test_rings_are_stored_before_commands_and_nothing_happens_without_the_broker(facts: FleetFacts) -> None:
    decided = plan(facts, NOW)
    kinds = [type(effect) for effect in decided.effects]
    if SendCommand in kinds and SaveRing in kinds:
        assert kinds.index(SendCommand) > len(kinds) - 1 - kinds[::-1].index(SaveRing)
    if not facts.connected:
        assert not {SaveRing, SendCommand, RecallCommand} & set(kinds)


@given(fleets())
def test_facts_are_not_mutated(facts: FleetFacts) -> None:
    before = repr(facts)
    plan(facts, NOW)
    assert repr(facts) == before
