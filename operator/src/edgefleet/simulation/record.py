"""What a run was: its transitions, its commands, where it ended. Gathered from outside, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.effects import Effect, LiftQuarantine, QuarantineVersion, SaveRing, TellEvent
from edgefleet.simulation.observer import Observer, Sent

if TYPE_CHECKING:
    from edgefleet.simulation.leader import Leader
    from edgefleet.simulation.world import World


@dataclass(frozen=True, slots=True)
class Transition:
    """A ring's step, or its round, has changed; or a version's quarantine has.

    Attributes:
        at: POSIX seconds.
        ring: its name; the ring with the evidence, for a quarantine.
        round: its number.
        step: where the round is now; "Quarantined" and "Lifted" for versions.
        version: the target.
        reason: one word, empty where nobody was told.
        evidence: the figures, for a person.
        leader: who decided.
    """

    at: float
    ring: str
    round: int
    step: str
    version: str
    reason: str = ""
    evidence: str = ""
    leader: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a device ended.

    Attributes:
        device: its name.
        ring: the ring that owns it.
        standing: where it stands, in the planner's words.
        reason: one word, empty where there is nothing to say.
        runs: digest of what it truly runs.
        online: whether it is truly there.
    """

    device: str
    ring: str | None
    standing: str
    reason: str
    runs: str | None
    online: bool


@dataclass(frozen=True, slots=True)
class RingEnd:
    """Where a ring ended.

    Attributes:
        ring: its name.
        step: of its round.
        round: its number.
        version: its target, empty without one.
        standings: its devices by standing.
        waits: what it waits for, empty for nothing.
    """

    ring: str
    step: str
    round: int
    version: str
    standings: Mapping[str, int]
    waits: str

    def of(self, *standings: str) -> int:
        """Returns how many devices stand in any of these."""
        return sum(self.standings.get(standing, 0) for standing in standings)

    @property
    def total(self) -> int:
        """Its devices."""
        return sum(self.standings.values())


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a world.

    Attributes:
        seed: what everything was drawn from.
        started: POSIX seconds.
        ended: when it came to rest, or its time was up.
        rested: whether it came to rest.
        transitions: in the order of time.
        commands: everything that went to the broker.
        rings: where they ended, in the order in which they follow each other.
        outcomes: where devices ended.
        passes: of all leaders.
        leaders: how many there were.
        messages: that reached leaders.
        status_writes: to the API server.
        air_bytes: downloaded by all devices.
        erases: flash sectors erased by all devices.
        planning_seconds: processor time of the planner.
        cpu_seconds: processor time of everything.
    """

    seed: int
    started: float
    ended: float
    rested: bool
    transitions: tuple[Transition, ...]
    commands: tuple[Sent, ...]
    rings: tuple[RingEnd, ...]
    outcomes: tuple[Outcome, ...]
    passes: int
    leaders: int
    messages: int
    status_writes: int
    air_bytes: int
    erases: int
    planning_seconds: float
    cpu_seconds: float

    @property
    def seconds(self) -> float:
        """Virtual time until the last change, waiting for rest left out."""
        last = max((self.started, *(each.at for each in self.transitions), *(each.at for each in self.commands)))
        return last - self.started


@dataclass(slots=True)
class Recorder(Observer):
    """Writes down what a world does."""

    transitions: list[Transition] = field(default_factory=list[Transition])
    commands: list[Sent] = field(default_factory=list[Sent])
    _steps: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def begin(self, world: "World") -> None:
        """Notes where rings are."""
        for ring in world.store.rings.values():
            self._steps[ring.name] = (ring.state.step.value, ring.state.round)

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Notes a transition."""
        if isinstance(effect, SaveRing):
            self._note_ring(leader, effect)
        elif isinstance(effect, QuarantineVersion):
            held = effect.quarantine
            said = ", ".join(held.reasons)
            self.transitions.append(
                Transition(leader.now, held.ring, held.round, "Quarantined", effect.version, "", said, leader.number)
            )
        elif isinstance(effect, LiftQuarantine):
            self.transitions.append(Transition(leader.now, "", 0, "Lifted", effect.version, leader=leader.number))

    def see_command(self, _leader: "Leader", sent: Sent) -> None:
        """Notes a command."""
        self.commands.append(sent)

    def _note_ring(self, leader: "Leader", effect: SaveRing) -> None:
        state = effect.state
        if self._steps.get(effect.ring) == (state.step.value, state.round):
            return
        self._steps[effect.ring] = (state.step.value, state.round)
        decided = leader.decided.effects if leader.decided is not None else ()
        told = [each for each in decided if isinstance(each, TellEvent) and each.ring == effect.ring]
        version = state.target.version if state.target is not None else ""
        turn = leader.decided.rings[effect.ring].turn if leader.decided is not None else None
        evidence = "; ".join(each.message for each in told) or (turn.evidence if turn is not None else "")
        reason = told[-1].reason if told else (turn.reason if turn is not None else "")
        row = Transition(
            leader.now, effect.ring, state.round, state.step.value, version, reason, evidence, leader.number
        )
        self.transitions.append(row)
