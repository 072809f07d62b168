"""One ring in one pass: its target, its devices' stands, and the step that follows from them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from edgefleet.domain.rollout.catalogue import Catalogue, Home, is_usable
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, RingFacts, RingState, VersionFacts
from edgefleet.domain.rollout.gates import Verdict, find_blame, tally
from edgefleet.domain.rollout.judgement import Judge, is_returning
from edgefleet.domain.rollout.metrics import Figures, judge_metrics, judge_shadow, measure_devices
from edgefleet.domain.rollout.rounds import Outlook, Turn, advance_round, begin_round, has_proved
from edgefleet.domain.rollout.standing import FAILURES, Stand
from edgefleet.domain.rollout.targets import Choice, choose_target
from edgefleet.domain.rollout.transitions import Step

_COMMANDING: frozenset[Step] = frozenset({Step.ROLLING, Step.SOAKING, Step.GATING, Step.PROVED})


@dataclass(frozen=True, slots=True)
class RingPass:
    """What one pass makes of a ring.

    Attributes:
        ring: as it was.
        choice: what it may be given.
        turn: the last judgement.
        told: every decision of the pass, in order.
        aim: the declared version of its target, None while there is none.
        devices: its devices.
        stands: theirs, in the same order.
        homes: where devices go back to, by name; empty unless they are to.
        recheck_at: when time alone changes a device's standing.
    """

    ring: RingFacts
    choice: Choice
    turn: Turn
    told: tuple[Turn, ...]
    aim: VersionFacts | None
    devices: Sequence[DeviceFacts]
    stands: Sequence[Stand]
    homes: Mapping[str, Home]
    recheck_at: float | None

    @property
    def state(self) -> RingState:
        """To remember."""
        return self.turn.state

    @property
    def shown(self) -> Turn:
        """The turn with the weightiest decision of the pass."""
        if not self.told:
            return self.turn
        last = self.told[-1]
        return Turn(self.state, last.verb, last.reason, last.evidence, self.turn.recheck_at)

    @property
    def returning(self) -> bool:
        """Whether moved devices go back."""
        return is_returning(self.ring, self.state)

    @property
    def hurried(self) -> bool:
        """Whether devices go back to what they had: that does not wait for a window."""
        target = self.state.target
        return self.returning or (
            target is not None and self.state.step is not Step.PROVED and has_proved(self.state, target)
        )

    @property
    def barred(self) -> str:
        """Why nobody is commanded at all, as one word; empty when somebody may be."""
        if self.ring.suspend and self.state.step is not Step.PENDING:
            return "Suspended"
        if self.returning:
            return ""
        if self.state.target is None:
            return self.choice.reason or "NoTarget"
        if self.state.step not in _COMMANDING:
            return self.turn.reason or self.state.step.value
        if self.aim is None or not is_usable(self.aim):
            return self.choice.reason or "VersionNotVerified"
        return ""

    @property
    def recalls(self) -> bool:
        """Whether open commands for anything else than what is wanted now are taken back."""
        return self.aim is not None

    def gives_usable(self, catalogue: Catalogue) -> bool:
        """Says whether everything that it would tell its devices is usable still."""
        homes = {home.version.digest for home in self.homes.values()}
        aims = {self.aim.digest} if self.aim is not None else set[str]()
        digests = homes if self.returning else aims
        return all(catalogue.find_usable(self.ring.model, digest) is not None for digest in digests)

    def wanted(self, device: DeviceFacts, stand: Stand) -> str | None:
        """Returns the digest that the device is to be told; None where it is to be told nothing."""
        if stand.reason in ("Pinned", "UpdatesDisabled"):
            return None
        if self.returning:
            home = self.homes.get(device.name)
            return home.artifact.digest if home is not None else None
        if self.aim is None or self.state.step is Step.ABORTED:
            return None
        artifact = self.aim.artifacts.get(device.device_class)
        return artifact.digest if artifact is not None else None


@dataclass(frozen=True, slots=True)
class View:
    """What a ring's pass may look at.

    Attributes:
        facts: everything known.
        catalogue: the versions.
        states: every ring's, those before this one already decided.
        members: every ring's devices.
        now: POSIX seconds.
    """

    facts: FleetFacts
    catalogue: Catalogue
    states: Mapping[str, RingState]
    members: Mapping[str, Sequence[DeviceFacts]]
    now: float


@dataclass(slots=True)
class _Judged:
    """Devices judged against one state."""

    stands: list[Stand]
    homes: dict[str, Home] = field(default_factory=dict[str, Home])
    recheck_at: float | None = None


def decide_ring(ring: RingFacts, devices: Sequence[DeviceFacts], view: View) -> RingPass:
    """Returns the ring's pass: begins a round where one is due, judges the devices, and moves the round on."""
    choice = choose_target(ring, view.catalogue.versions, view.states)
    told: list[Turn] = []
    turn = Turn(ring.state)
    if view.facts.connected:
        turn = begin_round(ring, _ask(ring, choice, view), choice, _find_held(ring, view), view.now)
        told += [turn] if turn.verb is not None else []
    judged = _judge(ring, turn.state, devices, view)
    if view.facts.connected and turn.state.target is not None and turn.verb != "Abort":
        before = is_returning(ring, turn.state)
        turn = advance_round(ring, turn.state, _look_out(ring, turn.state, devices, judged, view), view.now)
        told += [turn] if turn.verb is not None else []
        if is_returning(ring, turn.state) != before:
            # What is wanted of each device from here on is what it ran before.
            judged = _judge(ring, turn.state, devices, view)
    return RingPass(
        ring=ring,
        choice=choice,
        turn=turn,
        told=tuple(told),
        aim=_find_aim(ring, turn.state, view),
        devices=devices,
        stands=judged.stands,
        homes=judged.homes,
        recheck_at=judged.recheck_at,
    )


def _ask(ring: RingFacts, choice: Choice, view: View) -> Choice:
    """Returns what Git asks for, whether or not the ring's own target is quarantined."""
    held = _find_held(ring, view)
    if held is None or held.quarantine is None:
        return choice
    return choose_target(ring, view.catalogue.forgive(ring.model, held.digest), view.states)


def _find_held(ring: RingFacts, view: View) -> VersionFacts | None:
    target = ring.state.target
    return view.catalogue.find(ring.model, target.digest) if target is not None else None


def _find_aim(ring: RingFacts, state: RingState, view: View) -> VersionFacts | None:
    return view.catalogue.find(ring.model, state.target.digest) if state.target is not None else None


def _judge(ring: RingFacts, state: RingState, devices: Sequence[DeviceFacts], view: View) -> _Judged:
    judge = Judge(ring, state, _find_aim(ring, state, view), view.catalogue, view.now)
    if is_returning(ring, state):
        stands, homes = judge.judge_return(devices)
        return _Judged(stands, homes, judge.recheck_at)
    return _Judged(judge.judge(devices), {}, judge.recheck_at)


def _look_out(
    ring: RingFacts, state: RingState, devices: Sequence[DeviceFacts], judged: _Judged, view: View
) -> Outlook:
    target = state.target
    shadow = view.facts.shadows.get((ring.name, target.digest)) if target is not None else None
    return Outlook(
        counts=tally(ring, judged.stands),
        blame=find_blame([stand for stand in judged.stands if stand.standing in FAILURES]),
        judge_metrics=partial(_judge_metrics, ring, state, devices, judged, view),
        shadow=judge_shadow(ring, shadow),
        first_command_at=_find_first_command(ring, state, devices),
    )


def _judge_metrics(
    ring: RingFacts, state: RingState, devices: Sequence[DeviceFacts], judged: _Judged, view: View
) -> Verdict:
    """Asks the figures of this ring and of its controls, which are judged as they were before the pass."""
    if not ring.metrics:
        return Verdict(True, "", "")
    reported = {ring.name: measure_devices(devices, judged.stands)}
    digests = {name: known.target.digest for name, known in view.states.items() if known.target is not None}
    if state.target is not None:
        digests[ring.name] = state.target.digest
    controls = {gate.control for gate in ring.metrics if gate.control is not None}
    for other in view.facts.rings:
        if other.name in controls:
            members = view.members[other.name]
            reported[other.name] = measure_devices(members, _judge(other, other.state, members, view).stands)
    return judge_metrics(ring, Figures(reported, view.facts.figures, digests))


def _find_first_command(ring: RingFacts, state: RingState, devices: Sequence[DeviceFacts]) -> float | None:
    if ring.ring_deadline is None:
        return None
    commands = (device.command for device in devices if device.command is not None)
    sent = (command.at for command in commands if command.ring == ring.name and command.at >= state.started_at)
    return min(sent, default=None)
