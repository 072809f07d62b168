"""The planner run ahead in virtual time, with devices that do what they are told: what would happen, and when.

Everything decided here is decided by the planner itself; this only does what its plans say and lets time pass.
Deterministic.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from edgefleet.domain.rollout.effects import (
    Effect,
    HandleToken,
    LiftQuarantine,
    QuarantineVersion,
    RecallCommand,
    SaveRing,
    SendCommand,
)
from edgefleet.domain.rollout.facts import (
    Command,
    DeviceFacts,
    FleetFacts,
    Progress,
    Report,
    RingFacts,
    RingState,
    VersionFacts,
)
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.forecasting.pace import Cost, Pace, find_cost

QUIET_PASSES: Final = 40
"""Looks in a row that change nothing, after which nothing will: a window opens and closes twice a day at most."""
PASSES_MAX: Final = 20_000
APPROVAL: Final = "forecast"


@dataclass(frozen=True, slots=True)
class Sent:
    """One command.

    Attributes:
        at: POSIX seconds.
        ring: that assigned it, None for a pin.
        device: its name.
        version: the version's name.
        digest: of the artifact.
        before: digest of what the device ran, None for nothing.
        cost: what it takes.
        kept: the device had it in its other slot.
    """

    at: float
    ring: str | None
    device: str
    version: str
    digest: str
    before: str | None
    cost: Cost
    kept: bool


@dataclass(frozen=True, slots=True)
class Recalled:
    """An open command that is taken back."""

    at: float
    device: str
    ring: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A ring that came to a state: its step, target or round changed."""

    at: float
    ring: str
    state: RingState


@dataclass(slots=True)
class Span:
    """How long a ring waited for one thing; open while `end` is None."""

    ring: str
    reason: str
    waits: str
    begin: float
    end: float | None = None


@dataclass(slots=True)
class Record:
    """What happened.

    Attributes:
        sent: every command, in order.
        recalled: every command that was taken back.
        entered: every change of a ring's state.
        spans: what rings waited for.
        approved: (time, ring, version) of approvals that were taken for granted.
        quarantined: (time, effect).
        first: the plan as things are.
        last: the plan at the end.
        ended_at: POSIX seconds of the last event.
        settled: nothing more would happen by itself.
        passes: how often the planner was asked.
        facts: the fleet at the end.
    """

    sent: list[Sent] = field(default_factory=list[Sent])
    recalled: list[Recalled] = field(default_factory=list[Recalled])
    entered: list[Entered] = field(default_factory=list[Entered])
    spans: list[Span] = field(default_factory=list[Span])
    approved: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    quarantined: list[tuple[float, QuarantineVersion]] = field(default_factory=list[tuple[float, QuarantineVersion]])
    first: Plan | None = None
    last: Plan | None = None
    ended_at: float = 0.0
    settled: bool = False
    passes: int = 0
    facts: FleetFacts | None = None


class Rehearsal:
    """A fleet in virtual time."""

    def __init__(
        self, facts: FleetFacts, now: float, pace: Pace, *, bad: Iterable[str] = (), factors: Mapping[str, float]
    ) -> None:
        """Take a fleet as it is.

        Args:
            facts: everything known. Metric gates and shadows are left aside: nobody can foresee their figures.
            now: POSIX seconds.
            pace: how fast devices are.
            bad: digests of artifacts that fail on every device.
            factors: how much longer updates take, by ring; see `coarsening`.
        """
        self.now = now
        self.record = Record(ended_at=now)
        self._start = facts
        self._pace = pace
        self._bad = frozenset(bad)
        self._factors = factors
        self._rings: dict[str, RingFacts] = {ring.name: replace(ring, metrics=(), shadow=None) for ring in facts.rings}
        self._versions: list[VersionFacts] = list(facts.versions)
        self._devices: dict[str, DeviceFacts] = {device.name: device for device in facts.devices}
        self._buckets = facts.buckets
        self._others = {name: device.last_good for name, device in self._devices.items()}
        """What lies in each device's other slot."""
        self._open: dict[str, Span] = {}
        self._due: list[tuple[float, int, str]] = []
        generations = (
            max(device.command.generation if device.command else 0, device.report.generation if device.report else 0)
            for device in facts.devices
        )
        self._generation = max(generations, default=0)
        # Looks closer together than this are one: a rate lets so many go at a time.
        self._gap = min(10.0, len(facts.devices) / 200)
        self._take_up()

    def run(self, passes_max: int = PASSES_MAX) -> Record:
        """Return what happens until nothing more does."""
        quiet = 0
        while self.record.passes < passes_max:
            decided = plan(self._facts(), self.now)
            self.record.passes += 1
            self.record.first = self.record.first or decided
            self.record.last = decided
            moved = self._execute(decided)
            moved |= self._follow(decided)
            quiet = 0 if moved or self._due else quiet + 1
            if self._approve(decided):
                continue
            following = self._next(decided.recheck_at)
            if following is None or quiet >= QUIET_PASSES:
                self.record.settled = True
                break
            self.now = following
            self._act()
        for span in self._open.values():
            self.record.spans.append(span)
        self._open.clear()
        self.record.facts = self._facts()
        return self.record

    def _facts(self) -> FleetFacts:
        return replace(
            self._start,
            rings=tuple(self._rings.values()),
            versions=tuple(self._versions),
            devices=tuple(self._devices.values()),
            buckets=self._buckets,
        )

    def _next(self, recheck_at: float | None) -> float | None:
        due = self._due[0][0] if self._due else None
        # What a device does is heard at once; what only time changes can wait for its neighbours.
        look = max(recheck_at, self.now + self._gap) if recheck_at is not None else None
        times = [time for time in (due, look) if time is not None]
        return max(min(times), self.now) if times else None

    def _take_up(self) -> None:
        """Lets devices that are at work, or have a command that waits for them, go on from now."""
        sizes = {each.digest: each for version in self._versions for each in version.artifacts.values()}
        for device in self._devices.values():
            command, report = device.command, device.report
            if command is None or command.digest not in sizes or not device.online:
                continue
            answered = report is not None and report.generation >= command.generation
            if answered and report is not None and report.progress is not Progress.WORKING:
                continue
            if report is not None and report.digest == command.digest:
                continue
            cost = find_cost(sizes[command.digest], self._pace, kept=self._others.get(device.name) == command.digest)
            self._begin(device, command, cost)

    def _begin(self, device: DeviceFacts, command: Command, cost: Cost) -> None:
        runs = device.report.digest if device.report is not None else None
        report = Report(runs, command.generation, Progress.WORKING, changed_at=self.now)
        self._devices[device.name] = replace(device, command=command, report=report)
        ends_at = self.now + cost.seconds * self._factors.get(command.ring or "", 1.0)
        heapq.heappush(self._due, (ends_at, command.generation, device.name))

    def _act(self) -> None:
        """Ends the updates that are due; those so close together that nobody could tell are heard of together."""
        while self._due and self._due[0][0] <= self.now + self._gap / 10:
            at, generation, name = heapq.heappop(self._due)
            device = self._devices[name]
            command, report = device.command, device.report
            if command is None or report is None or command.generation != generation:
                continue
            self.now = max(self.now, at)
            if command.digest in self._bad:
                ended = replace(report, progress=Progress.FAILED, reason="SelfTestFailed", changed_at=self.now)
                self._others[name] = None
            else:
                self._others[name] = report.digest
                ended = Report(command.digest, generation, Progress.DONE, changed_at=self.now, self_test_passed=True)
            self._devices[name] = replace(device, report=ended)

    def _execute(self, decided: Plan) -> bool:
        """Does what the plan says; says whether that was anything."""
        self._buckets = decided.buckets
        for effect in decided.effects:
            self._do(effect)
        moved = bool(decided.effects)
        if moved or self.record.passes == 1:
            # Devices change rings only after something else has changed.
            self._assign(decided)
        if moved:
            self.record.ended_at = self.now
        return moved

    def _assign(self, decided: Plan) -> None:
        for name, stand in decided.devices.items():
            device = self._devices[name]
            if device.ring != stand.ring:
                self._devices[name] = replace(device, ring=stand.ring)

    def _do(self, effect: Effect) -> None:
        match effect:
            case SaveRing():
                self._enter(effect)
            case SendCommand():
                self._send(effect)
            case RecallCommand():
                self.record.recalled.append(Recalled(self.now, effect.device, effect.ring, effect.digest))
                self._devices[effect.device] = replace(self._devices[effect.device], command=None)
            case QuarantineVersion():
                self.record.quarantined.append((self.now, effect))
                self._change_version(effect, replace_with=effect)
            case LiftQuarantine():
                self._change_version(effect, replace_with=None)
            case HandleToken():
                device = self._devices[effect.device]
                tokens = {name: value for name, value in device.tokens.items() if name != effect.name}
                self._devices[effect.device] = replace(device, tokens=tokens)
            case _:
                pass

    def _enter(self, effect: SaveRing) -> None:
        ring = self._rings[effect.ring]
        before, after = ring.state, effect.state
        self._rings[effect.ring] = replace(ring, state=after)
        if (before.step, before.target, before.round) != (after.step, after.target, after.round):
            self.record.entered.append(Entered(self.now, effect.ring, after))

    def _send(self, effect: SendCommand) -> None:
        device = self._devices[effect.device]
        digest = effect.artifact.digest
        kept = self._others.get(effect.device) == digest
        cost = find_cost(effect.artifact, self._pace, kept=kept)
        self._generation += 1
        command = Command(effect.model, effect.version, digest, self._generation, self.now, effect.ring, effect.attempt)
        runs = device.report.digest if device.report is not None else None
        self.record.sent.append(Sent(self.now, effect.ring, device.name, effect.version, digest, runs, cost, kept))
        self._begin(replace(device, last_good=effect.last_good), command, cost)

    def _change_version(
        self, effect: QuarantineVersion | LiftQuarantine, *, replace_with: QuarantineVersion | None
    ) -> None:
        quarantine = replace_with.quarantine if replace_with is not None else None
        for place, version in enumerate(self._versions):
            if (version.model, version.version) == (effect.model, effect.version):
                lifted = self.now if quarantine is None else version.lifted_at
                self._versions[place] = replace(version, quarantine=quarantine, lifted_at=lifted)

    def _follow(self, decided: Plan) -> bool:
        """Notes what each ring waits for; says whether that changed."""
        changed = False
        for name, ring in decided.rings.items():
            span = self._open.get(name)
            if span is not None and span.reason == ring.reason:
                span.waits = ring.waits or span.waits
                continue
            changed = True
            if span is not None:
                span.end = self.now
                self.record.spans.append(span)
                del self._open[name]
            if ring.reason:
                self._open[name] = Span(name, ring.reason, ring.waits, self.now)
        return changed

    def _approve(self, decided: Plan) -> bool:
        """Gives every approval that a ring asks for; says whether one did."""
        asked = [name for name, ring in decided.rings.items() if ring.reason == "ApprovalMissing"]
        for name in asked:
            ring = self._rings[name]
            target = ring.state.target
            self.record.approved.append((self.now, name, target.version if target is not None else ""))
            value = f"{APPROVAL}-{len(self.record.approved)}"
            self._rings[name] = replace(ring, tokens={**ring.tokens, "approve": value})
        return bool(asked)


def rehearse(  # noqa: PLR0913 - a fleet, a clock, and what is taken for granted
    facts: FleetFacts,
    now: float,
    pace: Pace,
    *,
    bad: Iterable[str] = (),
    factors: Mapping[str, float] | None = None,
    passes_max: int = PASSES_MAX,
) -> Record:
    """Returns what happens from `now` on until nothing more does, or the planner was asked often enough."""
    return Rehearsal(facts, now, pace, bad=bad, factors=factors or {}).run(passes_max)
