"""The operator's imperative shell in miniature: hears, plans, and carries a plan out, in the real one's order."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from edgefleet.domain.device.compatibility import Abilities
from edgefleet.domain.rollout.bucket import Bucket
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
from edgefleet.domain.rollout.facts import Command, FleetFacts
from edgefleet.domain.rollout.planner import Plan
from edgefleet.simulation.agenda import Agenda
from edgefleet.simulation.broker import Broker
from edgefleet.simulation.memory import Issued, Memory
from edgefleet.simulation.messages import Desired, Presence, Reported
from edgefleet.simulation.observer import Sent
from edgefleet.simulation.store import EMPTY, Store

Planner = Callable[[FleetFacts, float], Plan]
"""What is put to the test."""


class LeaderDiedError(Exception):
    """The process is gone, in the middle of what it was doing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a leader works.

    Attributes:
        pass_seconds: shortest time between two passes.
        status_seconds: from a device's first change to the write of its status; later changes join it.
        status_per_second: statuses written a second.
    """

    pass_seconds: float = 1.0
    status_seconds: float = 0.2
    status_per_second: int = 50


class Context(Protocol):
    """The world, as a leader sees it."""

    agenda: Agenda
    store: Store
    broker: Broker
    planner: Planner
    pace: Pace
    surroundings: FleetFacts
    """For what belongs to no object: the namespace's rate, figures, shadows, the first buckets."""
    abilities: dict[str, Abilities]

    def tell_pass(self, leader: "Leader", facts: FleetFacts, decided: Plan) -> None:
        """Notes a pass."""

    def tell_effect(self, leader: "Leader", effect: Effect) -> None:
        """Notes an effect that is about to happen."""

    def tell_command(self, leader: "Leader", sent: Sent) -> None:
        """Notes a command that the broker has."""

    def strike(self, leader: "Leader", left: tuple[Effect, ...]) -> None:
        """Called after each effect, with those that are left. Raises LeaderDiedError where the process dies there."""


class Leader:
    """One process.

    Attributes:
        number: counted from 1.
        memory: what it knows of devices.
        alive: whether it goes on.
        heard: whether the broker has told everything and the session stands.
        planning_seconds: processor time spent in the planner.
        passes: how many it made.
        decided: its last plan.
        next_pass: when it looks again; None for not before something happens.
    """

    def __init__(self, context: Context, number: int, buckets: Mapping[str, Bucket]) -> None:
        """Start a process that has not heard anything."""
        self.number = number
        self.memory = Memory(context.store, context.abilities)
        self.alive = True
        self.heard = False
        self.planning_seconds = 0.0
        self.passes = 0
        self.decided: Plan | None = None
        self.next_pass: float | None = None
        self._buckets = buckets
        self._context = context
        self._agenda = context.agenda
        self._last_pass = -float("inf")
        self._unwritten: dict[str, None] = {}
        self._writing = False

    @property
    def now(self) -> float:
        """POSIX seconds."""
        return self._agenda.now

    @property
    def store(self) -> Store:
        """What survives it."""
        return self._context.store

    @property
    def rate_per_minute(self) -> int | None:
        """Of the namespace."""
        return self._context.surroundings.rate_per_minute

    def start(self) -> None:
        """Connects."""
        self._context.broker.subscribe(self)
        self.wake()

    def die(self) -> None:
        """Ends at once: what was not written down is lost."""
        self.alive = False
        self._context.broker.unsubscribe(self)

    # What it hears.

    def hear_report(self, name: str, report: Reported) -> None:
        """Takes a report."""
        if self.memory.hear_report(name, report, self._agenda.now):
            self.wake()

    def hear_presence(self, name: str, presence: Presence) -> None:
        """Takes a coming or going."""
        if self.memory.hear_presence(name, presence, self._agenda.now):
            self.wake(self._agenda.now)  # sleepers come and go for ever

    def connected(self) -> None:
        """Everything the broker kept is known; what it should keep may be lost, so it is said again."""
        self.heard = True
        self.memory.resume(self._context.broker.presences, self._agenda.now)
        self.wake()

    def disconnected(self) -> None:
        """Nothing can be sent, and what devices say is out of date."""
        self.heard = False
        self.wake()

    def hear_git(self, devices: Iterable[str]) -> None:
        """Takes what is declared anew: rings and versions are read in each pass, devices are remembered."""
        for name in self.memory.take_declared(devices):
            self._unwritten.pop(name, None)
            self._context.broker.publish_desired(name, None)
        self.wake()

    # Passes.

    def wake(self, at: float | None = None) -> None:
        """Asks for a pass, now or at a time; passes keep their distance."""
        due = max(self._agenda.now if at is None else at, self._last_pass + self._context.pace.pass_seconds)
        if self.next_pass is None or due < self.next_pass:
            self.next_pass = due
            # A look at the clock alone is nothing that must have happened before the world is at rest.
            self._agenda.at(due, self._run_due, due, background=at is not None)

    def _run_due(self, due: float) -> None:
        if self.alive and self.next_pass == due:
            self.next_pass = None
            self.run_pass()

    def run_pass(self) -> None:
        """Makes one pass. A process that dies in it is replaced by the world."""
        context = self._context
        self._last_pass = self._agenda.now
        self.passes += 1
        if self.heard and not self.memory.numbering.epoch:
            self.memory.open_epoch()
            self._record_epoch()
        facts = self.read_facts()
        began = time.process_time()
        decided = self.decided = context.planner(facts, self._agenda.now)
        self.planning_seconds += time.process_time() - began
        self._buckets = decided.buckets
        context.tell_pass(self, facts, decided)
        try:
            self.execute(decided.effects)
        except LeaderDiedError:
            return
        self._note_rings(facts, decided)
        if self.heard:
            self._settle_restored()
            self._send_unsent()
        if decided.recheck_at is not None:
            self.wake(decided.recheck_at)

    def read_facts(self) -> FleetFacts:
        """Returns everything that this leader knows."""
        store = self._context.store
        return replace(
            self._context.surroundings,
            rings=tuple(store.rings.values()),
            versions=tuple(store.versions.values()),
            devices=self.memory.read_devices(),
            connected=self.heard,
            buckets=self._buckets,
        )

    def _note_rings(self, facts: FleetFacts, decided: Plan) -> None:
        stands = decided.devices
        for device in facts.devices:
            ring = stands[device.name].ring
            if ring != device.ring:
                self._note(device.name, ring=ring)

    # Effects.

    def execute(self, effects: tuple[Effect, ...]) -> None:
        """Carries out effects in their order.

        Raises:
            LeaderDiedError: the process died on the way.
        """
        lost: set[str | None] = set()
        for place, effect in enumerate(effects):
            if not isinstance(effect, SaveRing) or self._owns_store():
                self._context.tell_effect(self, effect)
                self._carry_out(effect, lost)
            else:
                lost.add(effect.ring)
            self._context.strike(self, effects[place + 1 :])

    def _owns_store(self) -> bool:
        """Says whether its writes still count: those of a leader that was replaced do not."""
        return self._context.store.epoch <= self.memory.numbering.epoch or not self.memory.numbering.epoch

    def _carry_out(self, effect: Effect, lost: set[str | None]) -> None:
        store, now = self._context.store, self._agenda.now
        match effect:
            case SaveRing():
                store.save_ring(effect.ring, effect.state)
            case QuarantineVersion():
                store.quarantine(effect.model, effect.version, effect.quarantine)
            case LiftQuarantine():
                store.lift(effect.model, effect.version, now)
            case RecallCommand() | SendCommand() if effect.ring in lost:
                pass  # a command follows from a state that could not be stored
            case RecallCommand():
                self._issue(effect.device, None, None, effect.ring)
            case SendCommand():
                self._command(effect)
            case HandleToken():
                handled = dict(self.memory.notes.get(effect.device, EMPTY).handled) | {effect.name: effect.value}
                self._note(effect.device, handled=tuple(sorted(handled.items())))
            case TellEvent():
                pass  # people read it; observers have seen it
            case _:
                assert_never(effect)

    def _command(self, effect: SendCommand) -> None:
        last = self.memory.find(effect.device)
        same = last is not None and last.known and last.digest == effect.artifact.digest
        if same and not effect.renew:
            return
        command = Command(
            effect.model,
            effect.version,
            effect.artifact.digest,
            0,
            self._agenda.now,
            effect.ring,
            effect.attempt,
        )
        self._issue(effect.device, command, effect.last_good, effect.ring)

    def _issue(self, name: str, command: Command | None, last_good: str | None, ring: str | None) -> None:
        if name not in self._context.store.devices:
            return
        issued = self.memory.issue(name, command)
        self._record_epoch()
        if command is not None:
            self._note(name, last_good=last_good)
        self._note(name)
        self._send(name, issued, ring)

    def _record_epoch(self) -> None:
        """An epoch is written down before the first command that carries it."""
        store = self._context.store
        store.epoch = max(store.epoch, self.memory.numbering.epoch)

    def _send(self, name: str, issued: Issued, ring: str | None, *, again: bool = False) -> None:
        if self._context.broker.publish_desired(name, Desired(issued.generation, issued.digest)):
            issued.sent = True
            sent = Sent(self._agenda.now, name, issued.digest, issued.generation, ring, self.number, again)
            self._context.tell_command(self, sent)

    def _settle_restored(self) -> None:
        """Makes sure that what an earlier process said was heard: says it anew where no device confirms it."""
        restored = [(name, issued) for name, issued in self.memory.book.items() if not issued.known]
        if not restored:
            return
        versions = self._context.store.versions.values()
        known = {artifact.digest for version in versions for artifact in version.artifacts.values()}
        for name, issued in restored:
            command = issued.command
            if command is None or command.digest not in known:
                continue  # left to the planner
            if self.memory.observed(name) >= issued.generation:
                issued.known = issued.sent = True
                continue
            anew = self.memory.issue(name, command)
            self._record_epoch()
            self._note(name)
            self._send(name, anew, command.ring, again=True)

    def _send_unsent(self) -> None:
        for name, issued in self.memory.book.items():
            if issued.known and not issued.sent:
                self._send(name, issued, issued.command.ring if issued.command else None, again=True)

    # Statuses.

    def _note(self, name: str, **changes: object) -> None:
        if changes:
            self.memory.note(name, **changes)
        self._unwritten[name] = None
        if not self._writing:
            self._writing = True
            self._agenda.at(self._agenda.now + self._context.pace.status_seconds, self._write_statuses)

    def _write_statuses(self) -> None:
        """Writes as many as a second allows."""
        self._writing = False
        if not self.alive:
            return
        store = self._context.store
        for name in list(self._unwritten)[: self._context.pace.status_per_second]:
            del self._unwritten[name]
            note = self.memory.notes.get(name, EMPTY)
            if name in store.devices and store.records.get(name) != note:
                store.records[name] = note
                store.writes += 1
        if self._unwritten:
            self._writing = True
            self._agenda.at(self._agenda.now + 1.0, self._write_statuses)
