"""plan(facts, now): what to do for every ring and device of a namespace, and why everything else waits.

Pure; does not mutate `facts`; deterministic; the order of rings, versions and devices is irrelevant. Nothing is
remembered between calls but what `SaveRing` stores, so a missed or repeated event changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edgefleet.domain.rollout.effects import Effect, SaveRing, SendCommand, TellEvent
from edgefleet.domain.rollout.explanation import Situation, explain_wait
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, RingFacts, RingState, Step, VersionFacts
from edgefleet.domain.rollout.gates import Tally, tally
from edgefleet.domain.rollout.membership import assign_owners, order_rings
from edgefleet.domain.rollout.rounds import Turn, advance_round, begin_round
from edgefleet.domain.rollout.selection import Selection, select_devices
from edgefleet.domain.rollout.standing import Stand, Standing, active_pin, judge_device
from edgefleet.domain.rollout.targets import choose_target, is_usable


@dataclass(frozen=True, slots=True)
class RingPlan:
    """Where a ring is after the pass.

    Attributes:
        turn: its state, and what was decided.
        counts: its devices by standing.
        waits: what it waits for as a sentence, empty when for nothing.
        reason: the same as one word.
        stands: its devices, as they stand once the plan's effects have happened.
    """

    turn: Turn
    counts: Tally
    waits: str
    reason: str
    stands: tuple[Stand, ...]


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Where a device is after the pass.

    Attributes:
        stand: against its ring's target, or its pin's; None where nothing is wanted of it.
        ring: the ring that owns it.
        reason: why it is held, one word, or empty.
    """

    stand: Stand | None
    ring: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision: effects in the order in which they are to happen, and the reasons for everything."""

    effects: tuple[Effect, ...]
    rings: Mapping[str, RingPlan]
    devices: Mapping[str, DevicePlan]
    recheck_at: float | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One ring's part of the plan."""

    plan: RingPlan
    effects: tuple[Effect, ...]
    held: Mapping[str, str]
    recheck_at: float | None


def plan(facts: FleetFacts, now: float) -> Plan:
    """Plans one pass over a namespace.

    Args:
        facts: everything known.
        now: POSIX seconds.
    """
    owned = assign_owners(facts.rings, facts.devices)
    states = {ring.name: ring.state for ring in facts.rings}
    outcomes: dict[str, _Outcome] = {}
    for ring in order_rings(facts.rings):
        outcome = _plan_ring(ring, facts, owned[ring.name], states, now)
        states[ring.name] = outcome.plan.turn.state
        outcomes[ring.name] = outcome
    effects = [effect for outcome in outcomes.values() for effect in outcome.effects]
    effects += _command_pinned(facts, outcomes, now) if facts.connected else []
    effects.sort(key=_order_effects)
    pins = (pin.until for device in facts.devices if (pin := active_pin(device, now)) and pin.until)
    times = [time for time in (*(outcome.recheck_at for outcome in outcomes.values()), *pins) if time is not None]
    return Plan(
        effects=tuple(effects),
        rings={name: outcome.plan for name, outcome in outcomes.items()},
        devices=dict(_show_devices(facts, outcomes)),
        recheck_at=min(times, default=None),
    )


def _order_effects(effect: Effect) -> int:
    """Rings are stored before the commands that follow from them are sent; people hear of it last."""
    return {SaveRing: 0, SendCommand: 1, TellEvent: 2}[type(effect)]


def _plan_ring(
    ring: RingFacts, facts: FleetFacts, devices: Sequence[DeviceFacts], states: Mapping[str, RingState], now: float
) -> _Outcome:
    choice = choose_target(ring, facts.versions, states)
    turn = begin_round(ring, choice.target, now) if facts.connected and not ring.unsupported else Turn(ring.state)
    state = turn.state
    target = _find_target(ring, state, facts.versions)
    stands = _judge(ring, state, target, devices, now)
    judged = turn
    if state.target is not None and facts.connected and not ring.unsupported:
        judged = advance_round(ring, state, tally(ring, stands), now)
        turn = _join(turn, judged)
        if turn.state.step is Step.ROLLING_BACK and state.step is not Step.ROLLING_BACK:
            # What is wanted from here on is the version before.
            target = _find_target(ring, turn.state, facts.versions)
            stands = _judge(ring, turn.state, target, devices, now)
    state = turn.state
    free = facts.connected and not ring.unsupported
    selection = _select(ring, state, target, stands, now) if free else Selection((), {})
    stands = _mark_commanded(stands, selection)
    counts = tally(ring, stands)
    reason, waits = explain_wait(Situation(ring, judged, choice, counts, selection, stands, facts.connected))
    effects: list[Effect] = [SaveRing(ring.name, state)] if state != ring.state else []
    if target is not None:
        effects += _send(target, selection, ring.name)
    if turn.verb is not None:
        effects.append(TellEvent(ring.name, turn.reason, turn.evidence, warning=turn.verb == "Abort"))
    shown = RingPlan(turn, counts, waits, reason, tuple(stands))
    return _Outcome(shown, tuple(effects), selection.held, _recheck(ring, turn, stands, now))


def _mark_commanded(stands: Sequence[Stand], selection: Selection) -> list[Stand]:
    """Returns the stands as they are once the plan's commands are out."""
    chosen = {stand.device.name for stand in selection.chosen}
    return [replace(stand, standing=Standing.COMMANDED) if stand.device.name in chosen else stand for stand in stands]


def _join(first: Turn, second: Turn) -> Turn:
    """Keeps that a round began when nothing weightier was decided in the same pass."""
    if first.verb is None or second.verb is not None:
        return second
    return Turn(second.state, first.verb, first.reason, first.evidence, second.recheck_at)


def _goes_back(ring: RingFacts, state: RingState) -> bool:
    """Says whether devices are, or were, sent back to the version before."""
    stopped = state.step is Step.ABORTED and ring.on_abort == "rollback" and state.stable is not None
    return state.step is Step.ROLLING_BACK or stopped


def _find_target(ring: RingFacts, state: RingState, versions: Sequence[VersionFacts]) -> VersionFacts | None:
    """Returns the version that devices are to run now."""
    wanted = state.stable if _goes_back(ring, state) else state.target
    if wanted is None:
        return None
    found = [each for each in versions if each.model == ring.model and each.digest == wanted.digest and is_usable(each)]
    return min(found, key=lambda each: each.version, default=None)


def _judge(
    ring: RingFacts, state: RingState, target: VersionFacts | None, devices: Sequence[DeviceFacts], now: float
) -> list[Stand]:
    if target is None:
        return [Stand(device, Standing.HELD, None, "NoTarget") for device in devices]
    artifacts = target.artifacts
    started = state.since if state.step is Step.ROLLING_BACK else state.started_at
    return [judge_device(device, ring, artifacts.get(device.device_class), started, now) for device in devices]


def _select(
    ring: RingFacts, state: RingState, target: VersionFacts | None, stands: Sequence[Stand], now: float
) -> Selection:
    waiting = [stand for stand in stands if stand.standing is Standing.HELD]
    if target is None or state.step in (Step.PENDING, Step.ABORTED):
        return Selection((), {})
    if state.step is Step.ROLLING_BACK:
        # Only those that were moved go back; the others never left.
        stays = {artifact.digest for artifact in target.artifacts.values()}
        waiting = [stand for stand in waiting if _has_strayed(stand.device, stays)]
    elif ring.suspend:
        return Selection((), {stand.device.name: "Suspended" for stand in waiting})
    return select_devices(ring, stands, waiting, now)


def _has_strayed(device: DeviceFacts, stays: set[str]) -> bool:
    """Says whether the device was told to run, or runs, anything but one of these artifacts."""
    told = device.command.digest if device.command else None
    runs = device.report.digest if device.report else None
    return bool({told, runs} - stays - {None})


def _send(target: VersionFacts, selection: Selection, ring: str) -> Iterator[SendCommand]:
    for stand in selection.chosen:
        if stand.artifact is not None:
            command = stand.device.command
            again = command is not None and command.digest == stand.artifact.digest
            yield SendCommand(stand.device.name, target.model, target.version, stand.artifact, ring, renew=again)


def _command_pinned(facts: FleetFacts, outcomes: Mapping[str, _Outcome], now: float) -> Iterator[SendCommand]:
    """Pins act beside the rings: at once, one device each."""
    ring_of = {stand.device.name: name for name, outcome in outcomes.items() for stand in outcome.plan.stands}
    models = {ring.name: ring.model for ring in facts.rings}
    for device in sorted(facts.devices, key=lambda each: each.name):
        pin = active_pin(device, now)
        if pin is None or device.revoked or not device.online or not device.class_known:
            continue
        model = pin.model or models.get(ring_of.get(device.name, ""))
        for version in facts.versions:
            artifact = version.artifacts.get(device.device_class)
            if version.model != model or version.version != pin.version or not is_usable(version) or artifact is None:
                continue
            runs = device.report.digest if device.report else None
            told = device.command.digest if device.command else runs
            if told != artifact.digest:
                yield SendCommand(device.name, version.model, version.version, artifact, None)


def _show_devices(facts: FleetFacts, outcomes: Mapping[str, _Outcome]) -> Iterator[tuple[str, DevicePlan]]:
    for device in facts.devices:
        yield device.name, DevicePlan(None, None)
    for name, outcome in outcomes.items():
        for stand in outcome.plan.stands:
            reason = outcome.held.get(stand.device.name, stand.reason)
            yield stand.device.name, DevicePlan(stand, name, reason)


def _recheck(ring: RingFacts, turn: Turn, stands: Sequence[Stand], now: float) -> float | None:
    times = [turn.recheck_at]
    if ring.window is not None:
        times.append(ring.window.next_change(now))
    for stand in stands:
        device = stand.device
        if stand.standing is Standing.COMMANDED and ring.ack_deadline is not None and device.command is not None:
            times.append(max(device.command.at, device.online_since) + ring.ack_deadline)
        if stand.standing is Standing.IN_PROGRESS and ring.progress_deadline is not None and device.report is not None:
            times.append(max(device.report.changed_at, device.online_since) + ring.progress_deadline)
        if stand.standing is Standing.HELD and device.window is not None:
            times.append(device.window.next_change(now))
    return min((time + 0.01 for time in times if time is not None), default=None)
