"""A fleet, what goes wrong in it, and what became of it: what `edgefleet simulate` tells."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from edgefleet.domain.rollout.facts import FleetFacts
from edgefleet.simulation.behaviour import Behaviour, Profile, Sleep
from edgefleet.simulation.broker import Wire
from edgefleet.simulation.invariants.check import Violation
from edgefleet.simulation.invariants.everything import Everything
from edgefleet.simulation.leader import Pace
from edgefleet.simulation.moves import AddVersion
from edgefleet.simulation.record import Run
from edgefleet.simulation.synthetic import NEW_VERSION, OLD_VERSION, Shape, make_fleet, make_version
from edgefleet.simulation.world import Trouble, World

PUSH_SECONDS: Final = 60.0
"""When Git declares the new version of a made-up fleet."""
SLEEP: Final = Sleep(asleep=1_200.0, awake=180.0)
_DEVICES_A_SECOND: Final = 2_000
"""A fleet above it is looked at more rarely than once a second, so that a simulation ends before one gets bored."""


@dataclass(frozen=True, slots=True)
class Ills:
    """What goes wrong.

    Attributes:
        failing: share of devices that fail the self-test of whatever they are given (in a made-up fleet: of the new
            version).
        asleep: share of devices that sleep, and wake for a while.
        crashing: share of devices that restart once in the middle of an update.
        silent: share of devices that are connected and never answer.
        reordered: share of reports that arrive once more, and share of those that arrive late.
        leader_change: whether a leader dies in the middle.
        bad_version: a version that every device fails; None for none.
    """

    failing: float = 0.0
    asleep: float = 0.0
    crashing: float = 0.0
    silent: float = 0.0
    reordered: float = 0.0
    leader_change: bool = False
    bad_version: str | None = None


class UnknownVersionError(ValueError):
    """A version was named that the fleet does not know."""


@dataclass(frozen=True, slots=True)
class Story:
    """What was assumed, what happened, and whether every promise was kept.

    Attributes:
        fleet: what it was, in a few words.
        assumptions: one sentence each.
        run: what happened.
        promises: how many were watched.
        violations: those that were broken.
    """

    fleet: str
    assumptions: tuple[str, ...]
    run: Run
    promises: int
    violations: tuple[Violation, ...]

    def with_assumptions(self, more: tuple[str, ...]) -> "Story":
        """Returns the story with what was taken for granted before it began."""
        return replace(self, assumptions=(*more, *self.assumptions))

    @property
    def good(self) -> bool:
        """Whether it came to rest with every promise kept."""
        return self.run.rested and not self.violations


def simulate_synthetic(devices: int, ills: Ills, *, seed: int, now: float, seconds: float) -> Story:
    """Makes a fleet up, declares a new version in it, and lets time pass until it is at rest.

    Raises:
        UnknownVersionError: the bad version is not one of the fleet's two.
    """
    shape = Shape(devices)
    facts, new = make_fleet(shape, now), make_version(shape, NEW_VERSION)
    known = FleetFacts(facts.rings, (*facts.versions, new), ())
    digests = frozenset(artifact.digest for artifact in new.artifacts.values())
    world, everything = _stage(facts, ills, seed, now, _list_bad(known, ills), digests)
    world.push(PUSH_SECONDS, AddVersion(new))
    fleet = f"{devices:,} devices, made up: all of them run {OLD_VERSION}, and Git declares {NEW_VERSION}"
    return _tell(world, everything, fleet, ills, seconds, failing_of=NEW_VERSION)


def simulate_declared(  # noqa: PLR0913 - a fleet, its ills, its limits
    facts: FleetFacts, fleet: str, ills: Ills, *, seed: int, now: float, seconds: float
) -> Story:
    """Lets time pass in a fleet as it is declared and known, until it is at rest.

    Raises:
        UnknownVersionError: the bad version is not declared.
    """
    world, everything = _stage(facts, ills, seed, now, _list_bad(facts, ills), frozenset())
    return _tell(world, everything, fleet, ills, seconds, failing_of="whatever they are given")


def _list_bad(facts: FleetFacts, ills: Ills) -> frozenset[str]:
    if ills.bad_version is None:
        return frozenset()
    found = [version for version in facts.versions if version.version == ills.bad_version]
    if not found:
        known = ", ".join(sorted({version.version for version in facts.versions})) or "none"
        raise UnknownVersionError(f"no version {ills.bad_version} here; there are {known}")
    return frozenset(artifact.digest for version in found for artifact in version.artifacts.values())


def _stage(  # noqa: PLR0913, PLR0917 - what a world needs
    facts: FleetFacts, ills: Ills, seed: int, now: float, bad: frozenset[str], failing: frozenset[str]
) -> tuple[World, Everything]:
    profile = Profile(
        failing=ills.failing,
        failing_digests=failing,
        bad_digests=bad,
        asleep=ills.asleep,
        sleep=SLEEP,
        crashing=ills.crashing,
        mute=ills.silent,
    )
    everything = Everything()
    middle = frozenset({max(len(facts.devices) // 2, 1)}) if ills.leader_change else frozenset[int]()
    world = World(
        facts,
        seed=seed,
        now=now,
        draw=lambda device: profile.draw(seed, device.name),
        wire=Wire(duplicated=ills.reordered, reordered=ills.reordered),
        pace=Pace(pass_seconds=max(1.0, len(facts.devices) / _DEVICES_A_SECOND)),
        trouble=Trouble(crash_after=middle),
        observers=everything.checks,
    )
    return world, everything


def _tell(  # noqa: PLR0913 - a story has its parts
    world: World, everything: Everything, fleet: str, ills: Ills, seconds: float, *, failing_of: str
) -> Story:
    assumptions = tuple(_list_assumptions(world, ills, failing_of))
    run = world.run(seconds=seconds)
    return Story(fleet, assumptions, run, len(everything.checks), tuple(everything.violations))


def _list_assumptions(world: World, ills: Ills, failing_of: str) -> Iterator[str]:
    """Yields what was taken for granted, a sentence each."""
    board, wire = Behaviour(), Wire()
    yield (
        f"a board loads {board.bandwidth / 1_000:g} kB/s, tests for {board.test_seconds:g} s and restarts in "
        f"{board.boot_seconds:g} s, each up to {_percent(board.spread)} slower"
    )
    yield (
        f"a message takes {wire.latency[0]:g} to {wire.latency[1]:g} s; the broker misses a device after "
        f"{1.5 * wire.keep_alive:g} s; a leader looks at the fleet every {world.pace.pass_seconds:g} s at most"
    )
    if ills.bad_version is not None:
        yield f"{ills.bad_version} fails its self-test on every device"
    shares = (
        (ills.failing, f"fail the self-test of {failing_of}"),
        (ills.asleep, f"sleep for {SLEEP.asleep / 60:g} min, wake for {SLEEP.awake / 60:g} min, and so on"),
        (ills.crashing, "restart once in the middle of an update"),
        (ills.silent, "are connected and never answer a command"),
    )
    for share, what in shares:
        if share:
            yield f"{_percent(share)} of the devices {what}"
    if ills.reordered:
        yield f"{_percent(ills.reordered)} of the reports arrive twice, and as many only after later ones"
    for place in sorted(world.trouble.crash_after):
        late = world.trouble.restart_seconds
        yield f"the leader dies after {place + 1:,} effects; the next one is elected {late:g} s later"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
