"""What applying a folder of manifests would do: values only, with everything that text, JSON and Markdown show."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from edgefleet.forecasting.loading import Against, Assumption
from edgefleet.forecasting.overlay import ObjectChange
from edgefleet.forecasting.pace import Cost, Pace

PEOPLE: Final = frozenset(
    {"ApprovalMissing", "Suspended", "Quarantined", "Aborted", "VersionMissing", "RingsOverlap", "Conflict"}
)
"""Reasons that only a person or a commit ends."""


@dataclass(frozen=True, slots=True)
class Move:
    """One device that is told to run something else.

    Attributes:
        device: its name.
        at: seconds from now.
        before: version it runs, a short digest where nobody knows the version, None for nothing.
        version: that it is told to run.
        cost: bytes, sectors, seconds.
        kept: it has the model in its other slot and only switches.
    """

    device: str
    at: float
    before: str | None
    version: str
    cost: Cost
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Wave:
    """Devices that are changed at the same time.

    Attributes:
        number: from 1.
        at: seconds from now until the first is told.
        ends_at: seconds from now until the last has confirmed.
        moves: in the order in which they are told.
    """

    number: int
    at: float
    ends_at: float
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Something that keeps a ring waiting.

    Attributes:
        reason: one word.
        waits: what it waits for.
        begin: seconds from now.
        end: seconds from now; None where nothing in sight ends it.
        granted: it was taken for granted, so that the forecast goes on behind it.
    """

    reason: str
    waits: str
    begin: float
    end: float | None = None
    granted: bool = False

    @property
    def needs_person(self) -> bool:
        """Whether only a person, or a commit, ends it."""
        return self.reason in PEOPLE


@dataclass(frozen=True, slots=True)
class Left:
    """Devices that do not get the ring's version, and why; in the planner's words.

    Attributes:
        standing: where they stand.
        reason: one word.
        message: a sentence without its subject.
        devices: sorted.
    """

    standing: str
    reason: str
    message: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """What must be true before a ring counts as proved.

    Attributes:
        success_percent: of judged devices.
        min_sample: devices that must have been judged; capped at what the ring has.
        soak: seconds.
        figures: bounds on figures that nobody can foresee, as sentences; taken for granted.
        stops: what stops the round, as sentences; empty when nothing does.
    """

    success_percent: int
    min_sample: int
    soak: float
    figures: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RingForecast:
    """One ring.

    Attributes:
        name: its name.
        model: what it rolls out.
        source: where its versions come from: "tracks ^1.0", "pinned to 1.2.0", "after canary".
        bounds: what keeps it slow: "25 % at once", "2 of each line at once", "60 a minute", "in its window".
        devices: how many it owns.
        running: (version or None for nothing, devices) as things are, most first.
        before: version of its present round, None without one.
        target: version at the end, None without one.
        step: where its round is at the end.
        starts_at: seconds from now to the first command; None when nobody is told anything.
        proved_at: seconds from now; None when the forecast does not get there.
        waves: who is told when.
        gate: what must be true before the next ring follows.
        blocks: what keeps it waiting, in order.
        left: who does not get the version.
        drawn_together: how many waves one shown wave stands for.
    """

    name: str
    model: str
    source: str
    bounds: tuple[str, ...]
    devices: int
    running: tuple[tuple[str | None, int], ...]
    before: str | None
    target: str | None
    step: str
    starts_at: float | None
    proved_at: float | None
    waves: tuple[Wave, ...]
    gate: Gate
    blocks: tuple[Block, ...] = ()
    left: tuple[Left, ...] = ()
    drawn_together: int = 1

    @property
    def moves(self) -> Iterator[Move]:
        """Yields every command, in order."""
        return (move for wave in self.waves for move in wave.moves)

    @property
    def changed(self) -> int:
        """Devices that are told to run something else."""
        return len({move.device for move in self.moves})

    @property
    def ends_at(self) -> float | None:
        """Seconds from now until its last device has confirmed or it is proved, whichever is later."""
        times = [wave.ends_at for wave in self.waves] + [time for time in (self.proved_at,) if time is not None]
        return max(times, default=None)

    @property
    def moves_target(self) -> bool:
        """Whether its version changes."""
        return self.target != self.before


@dataclass(frozen=True, slots=True)
class Blast:
    """What a version would cost at most if it were bad.

    Attributes:
        model: of the version.
        version: its name.
        ring: that would stop first, None where no rule stops any.
        failing: devices that take it before that ring stops, if it fails its self-test on every device; sorted.
        stops_at: seconds from now until then; None where nothing stops it.
        silent: devices that have it before its first ring is proved, if it passes the self-test and is bad in use.
        silent_until: seconds from now until then; None where no ring proves it.
        bounded: the figures are final; else nothing stopped it as far as was looked.
    """

    model: str
    version: str
    ring: str | None
    failing: tuple[str, ...]
    stops_at: float | None
    silent: int
    silent_until: float | None
    bounded: bool = True


@dataclass(frozen=True, slots=True)
class Recall:
    """An open command that is taken back: the device keeps what it runs."""

    device: str
    ring: str | None


@dataclass(frozen=True, slots=True)
class NamespaceForecast:
    """One namespace.

    Attributes:
        name: "" where the manifests name none.
        objects: what applying does to each object; empty without live objects.
        rings: predecessors first.
        pinned: devices that their pin moves.
        recalls: commands that are taken back.
        strays: devices that no ring moves, and why.
        blasts: by version that is rolled out.
        assumptions: what was taken for granted.
        settled: the forecast got to its end.
    """

    name: str
    objects: tuple[ObjectChange, ...]
    rings: tuple[RingForecast, ...]
    pinned: tuple[Move, ...] = ()
    recalls: tuple[Recall, ...] = ()
    strays: tuple[Left, ...] = ()
    blasts: tuple[Blast, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    settled: bool = True

    @property
    def moves(self) -> Iterator[Move]:
        """Yields every command."""
        yield from self.pinned
        for ring in self.rings:
            yield from ring.moves


@dataclass(frozen=True, slots=True)
class Totals:
    """A forecast summed up.

    Attributes:
        devices: that are told to run something else.
        model_bytes: over the air.
        manifest_bytes: over the air.
        sectors: flash sectors erased, all devices.
        sectors_max: of the device that is worn most.
        seconds: until the last ring is proved or the last device has confirmed; None when nothing happens.
    """

    devices: int
    model_bytes: int
    manifest_bytes: int
    sectors: int
    sectors_max: int
    seconds: float | None

    @property
    def bytes(self) -> int:
        """All that goes over the air."""
        return self.model_bytes + self.manifest_bytes


@dataclass(frozen=True, slots=True)
class Forecast:
    """Everything that is shown.

    Attributes:
        now: POSIX seconds.
        against: what it stands on.
        pace: how fast devices are taken to be.
        namespaces: in the order of their names.
        warnings: how many the lint has.
    """

    now: float
    against: Against
    pace: Pace
    namespaces: tuple[NamespaceForecast, ...]
    warnings: int = 0

    @property
    def changes(self) -> bool:
        """Whether a device would be told anything else than now, or a ring would get another version."""
        return any(
            True
            for namespace in self.namespaces
            if namespace.recalls
            or next(namespace.moves, None) is not None
            or any(ring.moves_target for ring in namespace.rings)
        )

    @property
    def totals(self) -> Totals:
        """Everything, summed up."""
        return sum_up(self.namespaces)


def sum_up(namespaces: Iterable[NamespaceForecast]) -> Totals:
    """Returns the sums over namespaces."""
    listed = list(namespaces)
    moves = [(namespace.name, move) for namespace in listed for move in namespace.moves]
    wear: dict[tuple[str, str], int] = {}
    for name, move in moves:
        wear[name, move.device] = wear.get((name, move.device), 0) + move.cost.sectors
    ends = [ring.ends_at for namespace in listed for ring in namespace.rings]
    ends += [move.at + move.cost.seconds for namespace in listed for move in namespace.pinned]
    return Totals(
        devices=len(wear),
        model_bytes=sum(move.cost.model_bytes for _, move in moves),
        manifest_bytes=sum(move.cost.manifest_bytes for _, move in moves),
        sectors=sum(wear.values()),
        sectors_max=max(wear.values(), default=0),
        seconds=max((end for end in ends if end is not None), default=None),
    )
