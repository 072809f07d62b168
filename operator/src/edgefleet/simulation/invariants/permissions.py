"""What holds of people's word: who may be told anything, when, and what it takes for a version to count as proved."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.effects import Effect, SaveRing, SendCommand
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, RingFacts, RingState
from edgefleet.domain.rollout.planner import Plan
from edgefleet.simulation.invariants.check import Check

if TYPE_CHECKING:
    from edgefleet.simulation.leader import Leader


@dataclass(slots=True)
class OnlyTheWillingAreTold(Check):
    """Nobody is told anything who is away or revoked, nor by a ring who is pinned, shut off or outside its window."""

    _devices: dict[str, DeviceFacts] = field(default_factory=dict[str, DeviceFacts])

    def see_pass(self, leader: "Leader", facts: FleetFacts, decided: Plan) -> None:
        """Notes what is known of those that are commanded."""
        told = {effect.device for effect in decided.effects if isinstance(effect, SendCommand)}
        self._devices = {device.name: device for device in facts.devices if device.name in told} if told else {}
        if told and not facts.connected:
            self.fail(leader.now, "commands are sent while the broker is away")

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Looks at each command."""
        if not isinstance(effect, SendCommand) or not leader.alive:
            return
        device = self._devices[effect.device]
        refused = _refuses(device) or (_refuses_ring(device, leader.now) if effect.ring is not None else "")
        if refused:
            self.fail(leader.now, f"{device.name} is told to run {effect.version}, and {refused}")


def _refuses(device: DeviceFacts) -> str:
    if not device.online:
        return "is offline"
    if device.revoked:
        return "is revoked"
    return "" if device.class_known else "is of a class that nobody declares"


def _refuses_ring(device: DeviceFacts, now: float) -> str:
    pin = device.pin
    if pin is not None and (pin.until is None or now < pin.until):
        return "is pinned"
    if not device.updates_enabled:
        return "takes no updates"
    return "is outside its window" if device.window is not None and not device.window.is_open(now) else ""


@dataclass(slots=True)
class PausesHold(Check):
    """A ring commands nobody while it is suspended, nor before its round is approved, nor outside its window.

    Going back to what was proved before waits for neither window nor approval.
    """

    _rings: dict[str, RingFacts] = field(default_factory=dict[str, RingFacts])

    def see_pass(self, _leader: "Leader", facts: FleetFacts, _decided: Plan) -> None:
        """Notes what is declared."""
        self._rings = {ring.name: ring for ring in facts.rings}

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Looks at each command."""
        if not isinstance(effect, SendCommand) or effect.ring is None or not leader.alive:
            return
        ring, state = self._rings[effect.ring], leader.store.rings[effect.ring].state
        if ring.suspend:
            self.fail(leader.now, f"{ring.name} is suspended and commands {effect.device}")
        if _goes_back(state):
            return
        if ring.needs_approval and not _is_approved(state) and not _has_proved(state):
            self.fail(leader.now, f"{ring.name} commands {effect.device} without approval")
        if ring.window is not None and not ring.window.is_open(leader.now):
            self.fail(leader.now, f"{ring.name} commands {effect.device} outside its window")


def _goes_back(state: RingState) -> bool:
    """Says whether devices return; who follows late into a ring that has proved its target does not."""
    if state.step.value in ("RollingBack", "Aborted"):
        return True
    target, resting = state.target, state.step.value == "Proved"
    return target is not None and not resting and any(proof.digest == target.digest for proof in state.proven)


def _has_proved(state: RingState) -> bool:
    return state.target is not None and any(proof.digest == state.target.digest for proof in state.proven)


def _is_approved(state: RingState) -> bool:
    return any(token.name == "approve" and token.at >= state.started_at for token in state.tokens)


@dataclass(slots=True)
class ProofsAreEarned(Check):
    """What a ring proves for the first time runs on a device of it, and did so for as long as the ring has to soak."""

    _rings: dict[str, RingFacts] = field(default_factory=dict[str, RingFacts])
    _running: dict[str, int] = field(default_factory=dict[str, int])

    def see_pass(self, _leader: "Leader", facts: FleetFacts, decided: Plan) -> None:
        """Counts who says that it runs what is about to be proved."""
        self._rings = {ring.name: ring for ring in facts.rings}
        self._running = {}
        known: dict[str, DeviceFacts] = {}
        for effect in decided.effects:
            if not isinstance(effect, SaveRing) or effect.state.step.value != "Proved":
                continue
            known = known or {device.name: device for device in facts.devices}
            target = effect.state.target
            digests = {
                artifact.digest
                for version in facts.versions
                if target is not None and version.digest == target.digest
                for artifact in version.artifacts.values()
            }
            members = (known[device.name] for device in decided.rings[effect.ring].devices)
            self._running[effect.ring] = sum(
                device.report is not None and device.report.digest in digests for device in members
            )

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Looks at each new proof."""
        if not isinstance(effect, SaveRing) or effect.ring not in self._running:
            return
        ring, state = self._rings[effect.ring], effect.state
        before = {proof.digest for proof in ring.state.proven}
        if state.target is None or state.target.digest in before:
            return
        if self._running[effect.ring] == 0 and ring.on_empty != "skip":
            self.fail(leader.now, f"{ring.name} proves {state.target.version}, which none of its devices runs")
        if leader.now < state.started_at + ring.soak:
            self.fail(leader.now, f"{ring.name} proves {state.target.version} before it has soaked")
