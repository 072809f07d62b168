"""A board and its firmware, as far as a rollout can tell: docs/firmware.md in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edgefleet.domain.device.compatibility import Abilities, find_misfit
from edgefleet.domain.device.ordering import Moment
from edgefleet.domain.rollout.facts import Artifact
from edgefleet.simulation import flash
from edgefleet.simulation.behaviour import Behaviour, Fault
from edgefleet.simulation.broker import Broker
from edgefleet.simulation.environment import Act, Environment
from edgefleet.simulation.messages import Desired, Phase, Presence, Reported, Words

_REFUSAL_SECONDS: Final = 0.3
"""To fetch and judge a manifest."""
_LAST_LOOK_SECONDS: Final = 5.0
"""A device that sleeps stays awake so long after an update, to be heard."""
_UNHEARD: Final = 5 << 32
"""How far a lying device's generation is ahead of the one it has seen."""
_BUSY: Final = frozenset({Phase.DEFERRED, Phase.DOWNLOADING, Phase.VERIFYING, Phase.TESTING})


@dataclass(slots=True, eq=False)
class Device:
    """One board.

    Attributes:
        name: its id.
        behaviour: its ways.
        environment: what it shares with everything else.
        broker: where it connects.
        abilities: what it can hold and run.
        active: digest of the artifact in the active slot.
        previous: digest in the other slot, while that is whole and was tested.
        staged: digest in the other slot, while that is whole and was not tested yet.
        seen: the last generation that it accepted; flash keeps it.
        enrolment: how often it was flashed.
        boot_count: boots since; flash keeps it.
        seq: reports since the last boot.
        floor: the highest security version that it has accepted.
        phase: how far it is with what it was told last.
        reason: why it ended so.
        tested: whether the active model passed its self-test since this boot; None where none was run.
        online: whether it has a session.
        powered: whether it runs at all.
        final: whether its last command has ended.
        wear: what its flash has been through.
        refused: commands of an older generation than it had seen.
    """

    name: str
    behaviour: Behaviour
    environment: Environment
    broker: Broker
    abilities: Abilities | None = None
    active: str | None = None
    previous: str | None = None
    staged: str | None = None
    seen: int = 0
    enrolment: int = 1
    boot_count: int = 1
    seq: int = 0
    floor: int = 0
    phase: Phase = Phase.IDLE
    reason: str = ""
    tested: bool | None = None
    online: bool = False
    powered: bool = True
    final: bool = True
    wear: flash.Wear = field(default_factory=flash.Wear)
    refused: int = 0
    _wanted: str | None = None
    _claim: str | None = None
    """What a device that lies says it runs."""
    _life: int = 0
    """Rises with whatever makes timers void: a restart, a newer command."""
    _sleepy: bool = False
    _crashed: bool = False
    _told: Reported | None = None
    """What one that repeats itself has said before."""

    @property
    def presence(self) -> Presence:
        """What it says on connecting."""
        return Presence(self._enrolment_id(), self.boot_count, online=True)

    @property
    def busy(self) -> bool:
        """Whether an update is under way."""
        return not self.final and self.phase in _BUSY

    def start(self) -> None:
        """Switches it on for the first time."""
        sleep = self.behaviour.sleep
        if sleep is not None:
            agenda = self.environment.agenda
            agenda.at(agenda.now + sleep.offset, self._doze, self.enrolment, background=True)
        self.connect()

    def take_up(self, digest: str) -> None:
        """Makes it a device that was interrupted while it obeyed a command: it goes on when it starts."""
        self._wanted, self.final = digest, False

    # What comes over the wire.

    def connect(self) -> None:
        """Opens a session, says where it is, and takes up what a restart interrupted."""
        if not self.powered or self.online:
            return
        if not self.broker.connect(self):
            self._later(10.0, self._reconnect)
            return
        self.online = True
        self.environment.watch(self.name, Act.CONNECTS)
        if not self.final and self.phase not in _BUSY:
            self._choose()
        elif self.phase is Phase.DOWNLOADING:
            self._enter(Phase.DOWNLOADING)  # where the link broke
        else:
            self._say()

    def obey(self, desired: Desired) -> None:
        """Takes a command: obeys a newer one, answers the same again, refuses an older one."""
        if self.behaviour.mute:
            return
        if desired.generation <= self.seen:
            self.refused += desired.generation < self.seen
            self._say()
            return
        self.seen = desired.generation
        self.wear.record(flash.OBEY)
        self.environment.watch(self.name, Act.OBEYS)
        if self.busy and desired.digest is not None and desired.digest == self._wanted:
            self._say()  # the same model under a newer generation: it goes on
            return
        self._life += 1
        self._wanted, self._claim, self.final = desired.digest, None, False
        self._choose()

    def lose_link(self, back_in: float) -> None:
        """Loses its session without a word; an update goes on, a download waits."""
        self.online = False
        if self.phase is Phase.DOWNLOADING and not self.final:
            self._life += 1
        self._later(back_in, self._reconnect)

    # What happens to it.

    def vanish(self, seconds: float) -> None:
        """Is out of reach for a while; the broker notices late."""
        if self.online:
            self.broker.lose(self)
            self.lose_link(seconds)

    def lose_power(self, seconds: float) -> None:
        """Is without power for a while."""
        if self.online:
            self.broker.lose(self)
        self._go_dark()
        self._later(seconds, self._boot)

    def flash_anew(self) -> None:
        """Somebody flashes the board: another enrolment, nothing installed, nothing seen."""
        if self.online:
            self.broker.lose(self)
        self._go_dark()
        self.enrolment += 1
        self.boot_count, self.seen, self.floor = 0, 0, 0
        self.active = self.previous = self.staged = self._wanted = self._claim = self._told = None
        self.phase, self.reason, self.final, self._sleepy = Phase.IDLE, "", True, False
        self.environment.watch(self.name, Act.FLASHED)
        self._later(self.behaviour.boot_seconds, self._boot)
        if self.behaviour.sleep is not None:
            self._later(self.behaviour.sleep.awake, self._doze, background=True)

    def _go_dark(self) -> None:
        self.online = self.powered = False
        self._life += 1

    def _reconnect(self, enrolment: int) -> None:
        if enrolment == self.enrolment:
            self.connect()

    def _boot(self, enrolment: int) -> None:
        """Restarts: what was being tested has crashed, what was not ended is taken up again."""
        if enrolment != self.enrolment or self.powered:
            return
        self.powered = True
        self.boot_count += 1
        self.seq = 0
        self.tested = None
        self.wear.record(flash.BOOT)
        self.environment.watch(self.name, Act.RESTARTS)
        if self.phase is Phase.TESTING and not self.final:
            self._end(Phase.FAILED, "WatchdogReset")
        elif not self.final:
            self.phase, self.reason = Phase.IDLE, ""
        self._later(self.environment.vary(self.behaviour.boot_seconds, self.behaviour.spread), self._reconnect)

    def _doze(self, enrolment: int) -> None:
        sleep = self.behaviour.sleep
        if sleep is None or enrolment != self.enrolment:
            return
        if self.busy:
            self._sleepy = True
            return
        if self.online:
            (self.broker.say_goodbye if sleep.polite else self.broker.lose)(self)
        self._go_dark()
        self.environment.watch(self.name, Act.LEAVES)
        self._later(sleep.asleep, self._wake, background=True)

    def _wake(self, enrolment: int) -> None:
        sleep = self.behaviour.sleep
        if sleep is None or enrolment != self.enrolment:
            return
        self._sleepy = False
        self._boot(enrolment)
        self._later(sleep.awake, self._doze, background=True)

    # An update, step by step.

    def _choose(self) -> None:
        wanted, lie = self._wanted, self.behaviour.lie
        if wanted is None or wanted == self.active:
            self._end(Phase.CONFIRMED)
        elif lie in ("OtherDigest", "FalseConfirmation"):
            self._claim = wanted if lie == "FalseConfirmation" else wanted[::-1]
            self._end(Phase.CONFIRMED)
        elif wanted in (self.previous, self.staged):
            self.wear.read(self.environment.artifacts[wanted])
            self._enter(Phase.VERIFYING)
        else:
            self._enter(Phase.DEFERRED if self.behaviour.defers else Phase.DOWNLOADING)

    def _enter(self, phase: Phase) -> None:
        self._life += 1
        self.phase, self.reason = phase, "Deferred" if phase is Phase.DEFERRED else ""
        self.environment.watch(self.name, Act.ENTERS)
        self._say()
        seconds = self.environment.vary(self._duration(phase), self.behaviour.spread)
        agenda = self.environment.agenda
        if self.behaviour.crashes_in is phase and not self._crashed:
            self._crashed = True
            agenda.at(agenda.now + seconds / 2, self._crash, self._life)
        else:
            agenda.at(agenda.now + seconds, self._finish, self._life)

    def _duration(self, phase: Phase) -> float:
        ways = self.behaviour
        if phase is Phase.DOWNLOADING:
            artifact = self.environment.artifacts.get(self._wanted or "")
            if artifact is None or self.refuses(artifact) is not None:
                return _REFUSAL_SECONDS
            return flash.count_bytes(artifact) / ways.bandwidth
        return {Phase.DEFERRED: ways.defers, Phase.VERIFYING: ways.verify_seconds}.get(phase, ways.test_seconds)

    def _finish(self, life: int) -> None:
        """Ends a phase, unless something came in between."""
        if life != self._life:
            return
        if self.phase is Phase.DEFERRED:
            self._enter(Phase.DOWNLOADING)
        elif self.phase is Phase.DOWNLOADING:
            self._finish_download()
        elif self.phase is Phase.VERIFYING:
            self._enter(Phase.TESTING)
        else:
            self._finish_test()

    def refuses(self, artifact: Artifact) -> str | None:
        """Returns why it refuses an artifact before a byte of the model has come; None where it takes it."""
        fault = self.behaviour.find_fault(artifact.digest)
        if fault is not None and fault.phase is Phase.REJECTED:
            return fault.reason
        if artifact.needs.security_version < self.floor:
            return "SecurityVersionTooLow"
        misfit = find_misfit(artifact.needs, self.abilities) if self.abilities is not None else None
        return misfit[0] if misfit is not None else None

    def _find_fault(self) -> Fault | None:
        return self.behaviour.find_fault(self._wanted) if self._wanted is not None else None

    def _finish_download(self) -> None:
        artifact, fault = self.environment.artifacts.get(self._wanted or ""), self._find_fault()
        refusal = self.refuses(artifact) if artifact is not None else None
        if artifact is None:
            self._end(Phase.FAILED, "DownloadFailed")
        elif refusal is not None:
            self._end(Phase.REJECTED, refusal)
        elif fault is not None and fault.during is Phase.DOWNLOADING:
            self.wear.download(artifact, 0.5)
            self._spoil()
            self._end(fault.phase, fault.reason)
            if fault.after:
                self._at(fault.after, self._complete_late)
        else:
            self._fill()

    def _fill(self) -> None:
        """The other slot holds the model."""
        artifact = self.environment.artifacts[self._wanted or ""]
        self.wear.download(artifact)
        self.wear.record(flash.FILL)
        self.previous, self.staged = None, self._wanted
        self._enter(Phase.VERIFYING)

    def _complete_late(self, life: int) -> None:
        """A download that was reported as failed is whole after all: the firmware goes on trying."""
        if life == self._life:
            self.final = False
            self._fill()

    def _finish_test(self) -> None:
        fault, wanted = self._find_fault(), self._wanted
        self.wear.record(flash.TRY)
        if fault is not None and fault.phase is Phase.FAILED and fault.during is Phase.TESTING:
            self._spoil()
            if fault.reason == "WatchdogReset":
                self._crash(self._life)
            else:
                self._end(fault.phase, fault.reason)
            return
        artifact = self.environment.artifacts.get(wanted or "")
        self.floor = max(self.floor, artifact.needs.security_version if artifact is not None else 0)
        self.previous, self.staged, self.active, self.tested = self.active, None, wanted, True
        self.wear.record(flash.TRY + flash.SWITCH)
        self.environment.watch(self.name, Act.ACTIVATES)
        self._end(Phase.CONFIRMED)
        if fault is not None and fault.phase is Phase.ROLLED_BACK and self.previous is not None:
            self._at(fault.after, self._fall_back, fault.reason)

    def _fall_back(self, life: int, reason: str) -> None:
        """Restarts, finds that the active model does not hold, and runs the other slot."""
        if life == self._life:
            self.active, self.previous = self.previous, None
            self.environment.watch(self.name, Act.ACTIVATES)
            self._end(Phase.ROLLED_BACK, reason, silent=True)
            self._crash(self._life)

    def _crash(self, life: int) -> None:
        if life == self._life:
            if self.phase is Phase.TESTING and not self.final:
                self._spoil()
            self.lose_power(0.1)

    def _spoil(self) -> None:
        """The other slot holds nothing that counts."""
        self.previous = self.staged = None

    def _end(self, phase: Phase, reason: str = "", *, silent: bool = False) -> None:
        """A command has ended."""
        self._life += 1
        self.phase, self.reason, self.final = phase, reason, True
        self.wear.record(flash.END)
        self.environment.watch(self.name, Act.ENDS)
        if not silent:
            self._say()
        if self._sleepy:
            self._sleepy = False
            self._later(_LAST_LOOK_SECONDS, self._doze, background=True)

    # What it says.

    def _say(self) -> None:
        if not self.online:
            return
        self.seq += 1
        moment = Moment(self._enrolment_id(), self.boot_count, self.seq)
        lie = self.behaviour.lie
        seen = self.seen + _UNHEARD if lie == "UnheardGeneration" and self.seen else self.seen
        words = Words(self._claim or self.active, seen, self.phase, self.reason, self.floor, self.previous)
        report = Reported(moment, words, self.tested, self.behaviour.latency_us)
        self.broker.take_report(self, report)
        if lie == "StaleReport":
            if self._told is not None:
                self.broker.take_report(self, self._told)
            else:
                self._told = report

    def _enrolment_id(self) -> str:
        return f"{self.name}.{self.enrolment}"

    # Its timers. Those of an enrolment outlive a restart; those of a life do not outlive what began it.

    def _later(self, seconds: float, action: Callable[[int], None], *, background: bool = False) -> None:
        agenda = self.environment.agenda
        agenda.at(agenda.now + seconds, action, self.enrolment, background=background)

    def _at(self, seconds: float, action: Callable[..., None], *arguments: str) -> None:
        agenda = self.environment.agenda
        agenda.at(agenda.now + seconds, action, self._life, *arguments)
