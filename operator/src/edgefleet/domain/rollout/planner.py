"""plan(facts, now): what to do for every ring and device of a namespace, and why everything else waits.

Pure; does not mutate `facts`; deterministic; the order of rings, versions and devices is irrelevant. Nothing is
remembered between calls but what `SaveRing` stores and the tokens left in the buckets, so a missed or repeated event
changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgefleet.domain.rollout.bucket import Bucket
from edgefleet.domain.rollout.catalogue import Catalogue, settle_quarantines
from edgefleet.domain.rollout.commanding import (
    find_recalls,
    find_stray_recalls,
    send_to_pinned,
    send_to_ring,
    settle_tokens,
)
from edgefleet.domain.rollout.effects import (
    Effect,
    HandleToken,
    LiftQuarantine,
    QuarantineVersion,
    RecallCommand,
    SaveRing,
    SendCommand,
    TellEvent,
)
from edgefleet.domain.rollout.explanation import Situation, explain_wait
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, Target
from edgefleet.domain.rollout.gates import Tally, tally
from edgefleet.domain.rollout.membership import Ownership, assign_owners, order_rings
from edgefleet.domain.rollout.passes import RingPass, View, decide_ring
from edgefleet.domain.rollout.rounds import Turn
from edgefleet.domain.rollout.selection import Meter, Selection, select_devices
from edgefleet.domain.rollout.standing import UNASSIGNED, Stand, Standing

_MARGIN_SECONDS: Final = 0.01
"""A deadline is over when it has passed, so the next look comes just after it."""


@dataclass(frozen=True, slots=True)
class RingPlan:
    """Where a ring is after the pass.

    Attributes:
        turn: its state, and what was decided.
        counts: its devices by standing.
        waits: what it waits for as a sentence, empty when for nothing.
        reason: the same as one word.
        devices: its devices.
        stands: theirs, in the same order, as they are once the plan's effects have happened.
        members: devices that the round still has to change.
        bytes_on_air: what they will download.
        disputed: unrelated rings that match devices of this one.
        shadowing: the candidate that inference pods should score beside the version in force.
    """

    turn: Turn
    counts: Tally
    waits: str
    reason: str
    devices: tuple[DeviceFacts, ...]
    stands: tuple[Stand, ...]
    members: int = 0
    bytes_on_air: int = 0
    disputed: tuple[str, ...] = ()
    shadowing: Target | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision: effects in the order in which they are to happen, and the reasons for everything.

    Attributes:
        effects: what to do.
        rings: by name.
        devices: where each stands, by name.
        recheck_at: when time alone changes the answer; None when it does not.
        buckets: what the rates leave for the next pass.
    """

    effects: tuple[Effect, ...]
    rings: Mapping[str, RingPlan]
    devices: Mapping[str, Stand]
    recheck_at: float | None
    buckets: Mapping[str, Bucket]


_ORDER: Final = {
    SaveRing: 0,
    QuarantineVersion: 1,
    LiftQuarantine: 1,
    RecallCommand: 2,
    SendCommand: 3,
    HandleToken: 4,
    TellEvent: 5,
}
"""Rings are stored before the commands that follow from them are sent; people hear of it last."""


def plan(facts: FleetFacts, now: float) -> Plan:
    """Plans one pass over a namespace.

    Args:
        facts: everything known.
        now: POSIX seconds.
    """
    catalogue = Catalogue(facts.versions, facts.rings)
    owned = assign_owners(facts.rings, facts.devices)
    passes = _decide(facts, catalogue, owned, now)
    # What one ring has just found out counts for all of them, those decided before it included.
    catalogue = Catalogue(facts.versions, [replace(each.ring, state=each.state) for each in passes.values()])
    meter = _open_meter(facts, now)
    pinned = list(send_to_pinned(facts.devices, passes, catalogue, meter)) if facts.connected else []
    selections = _select(facts, passes, catalogue, meter)
    effects: list[Effect] = [*pinned]
    effects += settle_quarantines(
        facts.versions, {name: (each.ring.model, each.state) for name, each in passes.items()}
    )
    for name, each in passes.items():
        effects += _effect(each, selections[name], catalogue)
    commanded = {effect.device for effect in effects if isinstance(effect, SendCommand)}
    if facts.connected:
        for each in passes.values():
            effects += find_recalls(each, commanded)
        effects += find_stray_recalls(owned.unassigned)
    rings = {
        name: _show_ring(each, selections[name], owned, connected=facts.connected) for name, each in passes.items()
    }
    devices = _show_devices(rings, owned)
    effects += settle_tokens(facts.devices, devices, commanded)
    effects.sort(key=_order_effect)
    return Plan(tuple(effects), rings, devices, _find_recheck(passes, selections, meter, now), meter.buckets)


def _decide(facts: FleetFacts, catalogue: Catalogue, owned: Ownership, now: float) -> dict[str, RingPass]:
    """Decides each ring's step, predecessors first: what they prove in this pass their followers take in it."""
    states = {ring.name: ring.state for ring in facts.rings}
    passes: dict[str, RingPass] = {}
    for ring in order_rings(facts.rings):
        view = View(facts, catalogue, states, owned.members, now)
        passes[ring.name] = decide_ring(ring, owned.members[ring.name], view)
        states[ring.name] = passes[ring.name].state
    return passes


def _open_meter(facts: FleetFacts, now: float) -> Meter:
    rates = {ring.name: ring.rate_per_minute for ring in facts.rings if ring.rate_per_minute is not None}
    if facts.rate_per_minute is not None:
        rates[""] = facts.rate_per_minute
    return Meter.open(rates, facts.buckets, now)


def _select(
    facts: FleetFacts, passes: Mapping[str, RingPass], catalogue: Catalogue, meter: Meter
) -> dict[str, Selection]:
    """Chooses whom to command. Rings that go back come first where a rate is short."""
    selections: dict[str, Selection] = {}
    for name in sorted(passes, key=lambda name: not passes[name].returning):
        each = passes[name]
        selections[name] = _select_ring(each, catalogue, meter) if facts.connected else Selection()
    return selections


def _select_ring(each: RingPass, catalogue: Catalogue, meter: Meter) -> Selection:
    barred = each.barred or ("" if each.gives_usable(catalogue) else "Quarantined")
    if barred:
        waiting = (place for place, stand in enumerate(each.stands) if stand.standing is Standing.HELD)
        return Selection((), dict.fromkeys(waiting, barred))
    target = each.state.target
    salt = target.digest if target is not None else ""
    return select_devices(each.ring, each.devices, each.stands, meter, salt=salt, hurried=each.hurried)


def _order_effect(effect: Effect) -> tuple[int, str]:
    """Orders by kind; recalls and tokens by device too, commands stay in the order in which they were chosen."""
    named = isinstance(effect, RecallCommand | HandleToken)
    return _ORDER[type(effect)], effect.device if named else ""


def _effect(each: RingPass, selection: Selection, catalogue: Catalogue) -> Iterator[Effect]:
    if each.state != each.ring.state:
        yield SaveRing(each.ring.name, each.state)
    yield from send_to_ring(each, {place: each.devices[place] for place in selection.chosen}, catalogue)
    for turn in each.told:
        yield TellEvent(each.ring.name, turn.reason, turn.evidence, warning=turn.verb == "Abort")


def _show_ring(each: RingPass, selection: Selection, owned: Ownership, *, connected: bool) -> RingPlan:
    stands = _mark(each.stands, selection)
    counts = tally(each.ring, stands)
    disputed = owned.overlaps.get(each.ring.name, ())
    situation = Situation(
        ring=each.ring,
        turn=each.turn,
        choice=each.choice,
        counts=counts,
        devices=each.devices,
        stands=stands,
        held=() if each.barred else tuple(selection.held.values()),
        disputed=disputed,
        connected=connected,
    )
    reason, waits = explain_wait(situation)
    members, bytes_on_air = _sum_up(stands)
    waits_for_shadow = each.turn.reason in ("Shadowing", "ShadowUnreachable")
    return RingPlan(
        turn=each.shown,
        counts=counts,
        waits=waits,
        reason=reason,
        devices=tuple(each.devices),
        stands=tuple(stands),
        members=members,
        bytes_on_air=bytes_on_air,
        disputed=disputed,
        shadowing=each.state.target if waits_for_shadow else None,
    )


def _mark(stands: Sequence[Stand], selection: Selection) -> list[Stand]:
    """Returns the stands as they are once the plan's commands are out, those that are held with their reason."""
    marked = list(stands)
    known: dict[tuple[int, str], Stand] = {}
    for place, reason in selection.held.items():
        stand = marked[place]
        key = (id(stand), reason)
        found = known.get(key)
        if found is None:
            found = known[key] = replace(stand, reason=reason)
        marked[place] = found
    for place in selection.chosen:
        stand = marked[place]
        key = (id(stand), "")
        found = known.get(key)
        if found is None:
            found = known[key] = replace(stand, standing=Standing.COMMANDED, reason="", message="", holds_slot=True)
        marked[place] = found
    return marked


def _sum_up(stands: Sequence[Stand]) -> tuple[int, int]:
    """Returns how many devices the round still has to change, and the bytes they will download."""
    moving = (Standing.HELD, Standing.COMMANDED, Standing.IN_PROGRESS, Standing.OFFLINE, Standing.DEFERRED)
    sizes = [
        stand.artifact.needs.size_bytes for stand in stands if stand.standing in moving and stand.artifact is not None
    ]
    return len(sizes), sum(sizes)


def _show_devices(rings: Mapping[str, RingPlan], owned: Ownership) -> dict[str, Stand]:
    shown = {device.name: UNASSIGNED for device in owned.unassigned}
    for device in owned.unassigned:
        if device.pin is not None and device.pin.model is None:
            message = f"is in no ring, so its pin to {device.pin.version} has to name the model"
            shown[device.name] = replace(UNASSIGNED, reason="PinWithoutModel", message=message)
    for device, names in owned.disputed:
        message = f"is matched by rings that are not related: {', '.join(names)}"
        shown[device.name] = Stand(Standing.HELD, None, None, "RingsOverlap", message)
    for ring in rings.values():
        shown.update(zip((device.name for device in ring.devices), ring.stands, strict=True))
    return shown


def _find_recheck(
    passes: Mapping[str, RingPass], selections: Mapping[str, Selection], meter: Meter, now: float
) -> float | None:
    times = [meter.next_at]
    for name, each in passes.items():
        times += [each.turn.recheck_at, each.recheck_at, selections[name].recheck_at]
        if selections[name].chosen:
            times.append(now + each.ring.ack_deadline)
        if each.state != each.ring.state:
            times.append(now)
    return min((max(time, now) + _MARGIN_SECONDS for time in times if time is not None), default=None)
