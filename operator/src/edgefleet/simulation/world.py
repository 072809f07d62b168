"""A world: boards, a broker, Git and one leader after another, in virtual time, from one seed."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from edgefleet.domain.rollout.effects import Effect
from edgefleet.domain.rollout.facts import Artifact, DeviceFacts, FleetFacts, Progress
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.simulation.agenda import Agenda
from edgefleet.simulation.behaviour import IDEAL, Behaviour
from edgefleet.simulation.broker import IDEAL_WIRE, Broker, Wire
from edgefleet.simulation.device import Device
from edgefleet.simulation.environment import Act, Environment
from edgefleet.simulation.leader import Leader, LeaderDiedError, Pace, Planner
from edgefleet.simulation.messages import Desired, Phase
from edgefleet.simulation.moves import AddDevice, AddVersion, EditDevice, Move, RemoveDevice
from edgefleet.simulation.observer import Observer, Sent
from edgefleet.simulation.record import Outcome, Recorder, RingEnd, Run
from edgefleet.simulation.store import Store

if TYPE_CHECKING:
    from edgefleet.domain.device.compatibility import Abilities

START: Final = 1_767_600_000.0
"""Monday, 2026-01-05, 08:00 UTC."""
_NEWS_SECONDS: Final = 0.1
"""From a push to the leader's ears."""
_SETTLE_SECONDS: Final = 300.0
"""A world without sleepers is at rest when so long nothing happened: every last will is out by then."""
_IDLE_PASSES: Final = 2_000
"""Passes that change nothing, in a row, after which a world counts as restless."""
_DAY: Final = 86_400.0
_SLEEPERS_PATIENCE: Final = 1.5 * _DAY
"""How long a world with sleepers is watched at most for what a plan wants to look at later."""
_RESTLESS: Final = frozenset({Act.CONNECTS, Act.LEAVES, Act.RESTARTS})
"""What sleepers do for ever."""

Draw = Callable[[DeviceFacts], Behaviour]
"""How a device behaves."""

_PHASES: Final = {
    Progress.NONE: Phase.IDLE,
    Progress.WORKING: Phase.IDLE,  # taken up again
    Progress.DONE: Phase.CONFIRMED,
    Progress.FAILED: Phase.FAILED,
    Progress.REJECTED: Phase.REJECTED,
    Progress.ROLLED_BACK: Phase.ROLLED_BACK,
    Progress.DEFERRED: Phase.IDLE,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to leaders.

    Attributes:
        crash_after: effects, counted from 0 over the whole run, right after which the leader dies.
        crash_share: share of effects after which it dies anyway.
        pause_after: effects after which it hangs; it is replaced, and then goes on with its old plan.
        restart_seconds: until the next one is elected.
        paused_seconds: how much later the one that hung goes on.
    """

    crash_after: frozenset[int] = frozenset()
    crash_share: float = 0.0
    pause_after: frozenset[int] = frozenset()
    restart_seconds: float = 8.0
    paused_seconds: float = 6.0


class World:
    """Everything.

    Attributes:
        seed: what everything is drawn from.
        agenda: the time.
        environment: what devices share.
        store: what survives leaders.
        broker: the wire.
        devices: the boards by name.
        leader: the present one, or the last; None before the first.
        effects: how many were carried out.
        rested: whether it has come to rest.
        last_activity: when something last changed.
        record: what happened.
    """

    def __init__(  # noqa: PLR0913 - a world is made of its parts
        self,
        facts: FleetFacts,
        *,
        seed: int = 0,
        now: float = START,
        draw: Draw = lambda _device: IDEAL,
        wire: Wire = IDEAL_WIRE,
        pace: Pace | None = None,
        trouble: Trouble | None = None,
        planner: Planner = plan,
        observers: Iterable[Observer] = (),
    ) -> None:
        """Set a fleet up; nothing moves before `run`.

        Args:
            facts: what is declared, written down and known. Devices that are offline stay so.
            seed: of the dice.
            now: POSIX seconds to begin at.
            draw: how each device behaves.
            wire: how messages travel.
            pace: how fast leaders work.
            trouble: what happens to them.
            planner: the planner; another one to see that the observers notice.
            observers: who watches.
        """
        self.seed = seed
        self.agenda = Agenda(now)
        self.environment = Environment(self.agenda, Random(seed), watch=self._see_device)  # noqa: S311 - to be repeated
        self.store = Store.fill(facts)
        self.broker = Broker(self.environment, wire)
        self.planner = planner
        self.pace = pace or Pace()
        self.trouble = trouble or Trouble()
        self.surroundings = facts
        self.abilities: dict[str, Abilities] = {}
        self.devices: dict[str, Device] = {}
        self.leader: Leader | None = None
        self.effects = 0
        self.rested = False
        self.last_activity = now
        self.record = Recorder()
        self._observers: tuple[Observer, ...] = (self.record, *observers)
        self._draw, self._started = draw, now
        self._leaders: list[Leader] = []
        self._idle_passes, self._cpu_seconds = 0, 0.0
        self._keep_artifacts(artifact for version in facts.versions for artifact in version.artifacts.values())
        for device in facts.devices:
            self._build(device)

    def _build(self, facts: DeviceFacts) -> None:
        """Puts a board where a device is declared."""
        report, command = facts.report, facts.command
        device = Device(facts.name, self._draw(facts), self.environment, self.broker, facts.abilities)
        if facts.abilities is not None:
            self.abilities[facts.name] = facts.abilities
            device.floor = facts.abilities.security_floor
        if report is not None:
            device.active, device.previous = report.digest, report.previous
            device.seen, device.phase = report.generation, _PHASES[report.progress]
            device.reason = report.reason if device.phase in (Phase.FAILED, Phase.REJECTED, Phase.ROLLED_BACK) else ""
        if command is not None:
            self.broker.desired[facts.name] = Desired(command.generation, command.digest)
            if device.seen >= command.generation and report is not None and report.progress is Progress.WORKING:
                device.take_up(command.digest)
        device.powered = facts.online
        self.devices[facts.name] = device

    def _keep_artifacts(self, artifacts: Iterable[Artifact]) -> None:
        self.environment.artifacts.update((artifact.digest, artifact) for artifact in artifacts)

    # What happens, and when: seconds count from the beginning.

    def push(self, seconds: float, *moves: Move) -> None:
        """Schedules changes of what Git declares, all in one push."""
        self.agenda.at(self._started + seconds, self._move, moves)

    def happen(self, seconds: float, name: str, what: Callable[[Device], None]) -> None:
        """Schedules what happens to a device, such as `lambda device: device.lose_power(60)`."""
        self.agenda.at(self._started + seconds, lambda: what(self.devices[name]))

    def break_broker(self, seconds: float, away: float, *, forget: bool = True) -> None:
        """Schedules a broker that is away for a while, and has by default forgotten everything."""
        self.agenda.at(self._started + seconds, self._lose_broker, away, forget)

    def change_leader(self, seconds: float) -> None:
        """Schedules the end of whoever leads then."""
        self.agenda.at(self._started + seconds, self._replace_leader)

    def _lose_broker(self, away: float, forget: bool) -> None:
        self._note_activity()
        self.broker.break_down(away, forget=forget)

    def _move(self, moves: tuple[Move, ...]) -> None:
        self._note_activity()
        touched: list[str] = []
        for move in moves:
            move.apply(self.store)
            if isinstance(move, AddVersion):
                self._keep_artifacts(move.version.artifacts.values())
            elif isinstance(move, AddDevice):
                touched.append(move.device.name)
                if move.device.name not in self.devices:
                    self._build(move.device)
                    self._start(self.devices[move.device.name])
            elif isinstance(move, RemoveDevice | EditDevice):
                touched.append(move.device)
            for observer in self._observers:
                observer.see_move(self, move)
        self.agenda.at(self.agenda.now + _NEWS_SECONDS, self._tell_leader, tuple(touched))

    def _tell_leader(self, touched: tuple[str, ...]) -> None:
        if self.leader is not None and self.leader.alive:
            self.leader.hear_git(touched)

    # Leaders.

    def _elect(self) -> None:
        self._note_activity()
        buckets = self.surroundings.buckets if self.leader is None else {}
        self.leader = Leader(self, len(self._leaders) + 1, buckets)
        self._leaders.append(self.leader)
        for observer in self._observers:
            observer.see_leader(self, self.leader)
        self.leader.start()

    def _replace_leader(self) -> None:
        if self.leader is not None and self.leader.alive:
            self.leader.die()
            self.agenda.at(self.agenda.now + self.trouble.restart_seconds, self._elect)

    def strike(self, leader: Leader, left: tuple[Effect, ...]) -> None:
        """Lets a leader die, or hang, after an effect, where that is its fate.

        Raises:
            LeaderDiedError: it does.
        """
        trouble, place = self.trouble, self.effects
        self.effects += 1
        self._note_activity()
        if not leader.alive:
            return  # it was replaced, and does what it had decided before
        paused = place in trouble.pause_after
        crashed = place in trouble.crash_after or (
            trouble.crash_share > 0 and self.environment.random.random() < trouble.crash_share
        )
        if paused or crashed:
            self._replace_leader()
        if paused:
            late = trouble.restart_seconds + trouble.paused_seconds
            self.agenda.at(self.agenda.now + late, leader.execute, left)
        if paused or crashed:
            raise LeaderDiedError

    # Who watches.

    def tell_pass(self, leader: Leader, facts: FleetFacts, decided: Plan) -> None:
        """Notes a pass."""
        self._idle_passes = 0 if decided.effects else self._idle_passes + 1
        for observer in self._observers:
            observer.see_pass(leader, facts, decided)

    def tell_effect(self, leader: Leader, effect: Effect) -> None:
        """Notes an effect."""
        for observer in self._observers:
            observer.see_effect(leader, effect)

    def tell_command(self, leader: Leader, sent: Sent) -> None:
        """Notes a command."""
        for observer in self._observers:
            observer.see_command(leader, sent)

    def _see_device(self, name: str, act: Act) -> None:
        if act not in _RESTLESS or self.devices[name].behaviour.sleep is None:
            self._note_activity()
        for observer in self._observers:
            observer.see_device(self, name, act)

    def _note_activity(self) -> None:
        self.last_activity = self.agenda.now
        self._idle_passes = 0

    # Running.

    def run(self, *, seconds: float = 30 * _DAY, patience: float = 8 * _DAY) -> Run:
        """Lets time pass until nothing happens any more.

        Args:
            seconds: at most so long, from now.
            patience: how long to wait for what a plan wants to look at later, such as a window that opens.
        """
        began = time.process_time()
        if self.leader is None:
            for observer in self._observers:
                observer.begin(self)
            for device in self.devices.values():
                self._start(device)
            self._elect()
        deadline = self.agenda.now + seconds
        self.rested = self._run_until(deadline, patience)
        self._cpu_seconds += time.process_time() - began
        for observer in self._observers:
            observer.see_end(self)
        return self._sum_up()

    def _start(self, device: Device) -> None:
        if device.powered:
            device.start()

    def _run_until(self, deadline: float, patience: float) -> bool:
        agenda = self.agenda
        sleeps = [device.behaviour.sleep for device in self.devices.values() if device.behaviour.sleep is not None]
        cycle = max((sleep.asleep + sleep.awake for sleep in sleeps), default=0.0)
        settle = _SETTLE_SECONDS + cycle
        if sleeps:
            # Comings and goings alone make a plan look at its clocks again, for ever.
            patience = min(patience, max(_SLEEPERS_PATIENCE, 4 * cycle))
        idle_limit = _IDLE_PASSES + sum(2 * patience / (sleep.asleep + sleep.awake) for sleep in sleeps)
        while True:
            following = agenda.next_at
            if agenda.foreground == 0 and (following is None or self._is_at_rest(following, settle, patience)):
                return True
            if following is None or following > deadline or self._idle_passes > idle_limit:
                return False
            agenda.step()

    def _is_at_rest(self, following: float, settle: float, patience: float) -> bool:
        """Says whether nothing will happen any more but sleeping and waking."""
        if following <= self.last_activity + settle:
            return False
        decided = self.leader.decided if self.leader is not None else None
        planned = decided.recheck_at if decided is not None else None
        return planned is None or planned > self.last_activity + patience

    def _sum_up(self) -> Run:
        decided = self.leader.decided if self.leader is not None else None
        boards = self.devices.values()
        return Run(
            seed=self.seed,
            started=self._started,
            ended=self.agenda.now,
            rested=self.rested,
            transitions=tuple(self.record.transitions),
            commands=tuple(self.record.commands),
            rings=tuple(show_rings(decided)) if decided is not None else (),
            outcomes=tuple(self._show_devices(decided)) if decided is not None else (),
            passes=sum(leader.passes for leader in self._leaders),
            leaders=len(self._leaders),
            messages=self.broker.delivered,
            status_writes=self.store.writes,
            air_bytes=sum(board.wear.air_bytes for board in boards),
            erases=sum(board.wear.erases for board in boards),
            planning_seconds=sum(leader.planning_seconds for leader in self._leaders),
            cpu_seconds=self._cpu_seconds,
        )

    def _show_devices(self, decided: Plan) -> Iterator[Outcome]:
        for name, stand in sorted(decided.devices.items()):
            board = self.devices[name]
            yield Outcome(name, stand.ring, stand.standing.value, stand.reason, board.active, board.online)


def show_rings(decided: Plan) -> Iterator[RingEnd]:
    """Yields where a plan leaves its rings, in the order in which they follow each other."""
    for name, ring in decided.rings.items():
        state = ring.turn.state
        counts = {standing.value: number for standing, number in ring.counts.by_standing.items() if number}
        version = state.target.version if state.target is not None else ""
        yield RingEnd(name, state.step.value, state.round, version, counts, ring.waits)
