"""What holds of rounds: what a ring may take, what it may not give again, and whom it may blame."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.effects import Effect, LiftQuarantine, SaveRing, SendCommand
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, RingState
from edgefleet.domain.rollout.planner import Plan
from edgefleet.simulation.invariants.check import Check, has_had_its_time, is_open
from edgefleet.simulation.moves import Move

if TYPE_CHECKING:
    from edgefleet.simulation.leader import Leader
    from edgefleet.simulation.world import World


@dataclass(slots=True)
class ProofsComeFirst(Check):
    """A ring takes only what all of its predecessors have proved, and commands nothing but its target or a return."""

    _proved: dict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))
    _states: dict[str, RingState] = field(default_factory=dict[str, RingState])
    _good: dict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))

    def begin(self, world: "World") -> None:
        """Notes what was proved before."""
        for ring in world.store.rings.values():
            self._learn(ring.name, ring.state)

    def see_pass(self, _leader: "Leader", _facts: FleetFacts, decided: Plan) -> None:
        """Notes what devices ran well."""
        for effect in decided.effects:
            if isinstance(effect, SendCommand) and effect.last_good is not None:
                self._good[effect.device].add(effect.last_good)

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Compares targets and commands with proofs."""
        store = leader.store
        if isinstance(effect, SaveRing):
            before, state = self._states.get(effect.ring), effect.state
            ring = store.rings.get(effect.ring)
            moved = state.target is not None and (before is None or before.target != state.target)
            for name in ring.after if ring is not None and moved else ():
                if state.target is not None and state.target.digest not in self._proved[name]:
                    self.fail(leader.now, f"{effect.ring} takes {state.target.version}, which {name} has not proved")
            self._learn(effect.ring, state)
        elif isinstance(effect, SendCommand) and effect.ring is not None and leader.alive:
            state = self._states.get(effect.ring, RingState())
            allowed = {each.digest for each in (state.target, state.stable, *state.proven) if each is not None}
            known = {
                artifact.digest
                for version in store.versions.values()
                if version.digest in allowed
                for artifact in version.artifacts.values()
            }
            if effect.artifact.digest not in known | self._good[effect.device]:
                self.fail(leader.now, f"{effect.ring} commands {effect.device} with {effect.version}")

    def _learn(self, ring: str, state: RingState) -> None:
        self._states[ring] = state
        self._proved[ring].update(proof.digest for proof in state.proven)


@dataclass(slots=True)
class AbortsHold(Check):
    """What a ring has stopped it gives to nobody, until a person, Git or the end of a quarantine starts it again."""

    _stopped: dict[str, tuple[str, int, float]] = field(default_factory=dict[str, tuple[str, int, float]])
    """(target digest, round, when) by ring."""
    _excuse_at: float = -math.inf

    def see_move(self, world: "World", _move: Move) -> None:
        """Git may start anything again."""
        self._excuse_at = world.agenda.now

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Watches stops, and commands after them."""
        if isinstance(effect, LiftQuarantine):
            self._excuse_at = leader.now
        elif isinstance(effect, SaveRing):
            self._note(leader, effect)
        elif isinstance(effect, SendCommand) and effect.ring in self._stopped and leader.alive:
            digest, _, _ = self._stopped[effect.ring]
            versions = leader.store.versions.values()
            stopped = {a.digest for version in versions if version.digest == digest for a in version.artifacts.values()}
            if effect.artifact.digest in stopped:
                self.fail(leader.now, f"{effect.ring} commands {effect.device} with {effect.version}, which it stopped")

    def _note(self, leader: "Leader", effect: SaveRing) -> None:
        state, before = effect.state, self._stopped.get(effect.ring)
        if state.step.value in ("Aborted", "RollingBack") and state.target is not None:
            if before is None or before[1] != state.round:
                self._stopped[effect.ring] = (state.target.digest, state.round, leader.now)
        elif before is not None:
            same = state.target is not None and state.target.digest == before[0]
            if state.round <= before[1] or (same and self._excuse_at < before[2]):
                self.fail(leader.now, f"{effect.ring} starts round {state.round} of what it stopped, for no reason")
            del self._stopped[effect.ring]


@dataclass(slots=True)
class NobodyIsBlamedUnheard(Check):
    """A device counts as failed by its own word alone, and as timed out only while it is there and its time is up."""

    def see_pass(self, leader: "Leader", facts: FleetFacts, decided: Plan) -> None:
        """Looks at every failure."""
        known: dict[str, DeviceFacts] = {}
        for ring in facts.rings:
            shown = decided.rings[ring.name]
            for member, stand in zip(shown.devices, shown.stands, strict=True):
                standing = stand.standing
                if standing == "Updated" or standing not in ("Failed", "RolledBack", "TimedOut"):
                    continue
                known = known or {device.name: device for device in facts.devices}
                device = known[member.name]
                if standing != "TimedOut" and not _has_answered(device):
                    self.fail(leader.now, f"{ring.name}: {device.name} is {standing} and has not answered")
                elif standing == "TimedOut" and not has_had_its_time(device, ring, leader.now):
                    self.fail(leader.now, f"{ring.name}: {device.name} is timed out before its time, or offline")


def _has_answered(device: DeviceFacts) -> bool:
    return device.command is not None and device.report is not None and not is_open(device)
