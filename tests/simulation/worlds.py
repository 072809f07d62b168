"""Small worlds for tests: a fleet, rings and versions, and random ones of which everything follows from a seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from edgefleet.domain.device.compatibility import Abilities, Needs
from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.facts import (
    AbortRule,
    Artifact,
    DeviceFacts,
    FleetFacts,
    Progress,
    Proof,
    Report,
    RingFacts,
    RingState,
    Target,
    VersionFacts,
)
from edgefleet.domain.rollout.targets import digest_version
from edgefleet.domain.rollout.transitions import Step
from edgefleet.domain.rollout.windows import Period, Window
from edgefleet.simulation.behaviour import FALLS_BACK, FLAKY_DOWNLOAD, IDEAL, Behaviour, Profile, Sleep
from edgefleet.simulation.broker import Wire
from edgefleet.simulation.invariants.everything import Everything
from edgefleet.simulation.leader import Leader, Pace
from edgefleet.simulation.moves import (
    AddDevice,
    AddVersion,
    EditDevice,
    EditRing,
    Move,
    RemoveDevice,
    RemoveVersion,
    SetToken,
    pin,
    suspend,
)
from edgefleet.simulation.world import START, Trouble, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgefleet.domain.rollout.standing import Stand
    from edgefleet.simulation.observer import Observer
    from edgefleet.simulation.record import Run

CLASS = "esp32"
MODEL = "anomaly"
SIZE = 60_000
EVERYBODY = Selector((Requirement("motor", "Exists"),))
ABILITIES = Abilities(slot_bytes=65_536, arena_bytes=40_000)


def make_version(name: str, *, classes: tuple[str, ...] = (CLASS,), size: int = SIZE, **other: Any) -> VersionFacts:
    artifacts = {
        each: Artifact(
            hashlib.sha256(f"{each} {name}".encode()).hexdigest(),
            hashlib.sha256(f"manifest {each} {name}".encode()).hexdigest(),
            3_000,
            Needs(size_bytes=size, arena_bytes=20_000),
        )
        for each in classes
    }
    digest = digest_version((each, artifact.digest) for each, artifact in artifacts.items())
    return VersionFacts(MODEL, name, digest, artifacts, verified=True, **other)


def digest_of(version: VersionFacts, device_class: str = CLASS) -> str:
    return version.artifacts[device_class].digest


def make_ring(name: str, **other: Any) -> RingFacts:
    return RingFacts(**({"name": name, "model": MODEL, "generation": 1, "selector": EVERYBODY} | other))


def make_device(name: str, runs: VersionFacts | None = None, **other: Any) -> DeviceFacts:
    facts: dict[str, Any] = {
        "name": name,
        "device_class": CLASS,
        "labels": {"motor": "x", "site": "plant-1"},
        "online": True,
        "abilities": ABILITIES,
    }
    known = facts | other
    digest = digest_of(runs, known["device_class"]) if runs is not None else None
    return DeviceFacts(**{"report": Report(digest, 0, Progress.NONE), **known})


def prove(ring: RingFacts, version: VersionFacts) -> RingFacts:
    """Returns the ring as it is once it has proved a version."""
    target = Target(version.version, version.digest)
    proof = Proof(version.digest, version.version, 1, START - 86_400.0)
    state = RingState(
        Step.PROVED, START - 86_400.0, 1, START - 90_000.0, START - 90_000.0, target=target, stable=target
    )
    return replace(ring, state=replace(state, proven=(proof,)))


V1, V2, V3 = make_version("1.0.0"), make_version("1.1.0"), make_version("1.2.0")


def make_fleet(rings: tuple[RingFacts, ...], *, devices: int = 12, sites: int = 1, **other: Any) -> FleetFacts:
    """Returns a fleet that runs 1.0.0 everywhere, proved in every ring."""
    boards = tuple(
        make_device(f"motor-{number:03}", V1, labels={"motor": "x", "site": f"plant-{number % sites + 1}"})
        for number in range(devices)
    )
    return FleetFacts(tuple(prove(ring, V1) for ring in rings), (V1,), boards, **other)


CHAIN = (
    make_ring("canary", track="^1", limit=3, abort_when=(AbortRule("Any", 20),)),
    make_ring("rest", after=("canary",), abort_when=(AbortRule("Any", 20, 2),)),
)


@dataclass
class Watched:
    """A world with everything watched."""

    world: World
    everything: Everything

    def run(self, **how: Any) -> Run:
        run = self.world.run(**how)
        violations = self.everything.violations
        assert not violations, f"SEED={self.world.seed}: {violations[:3]}"
        assert run.rested, f"SEED={self.world.seed}: restless at {run.ended - run.started:.0f} s: {run.rings}"
        return run

    def runs(self, version: VersionFacts) -> set[str]:
        """Names of boards that truly run a version."""
        digests = {artifact.digest for artifact in version.artifacts.values()}
        return {name for name, board in self.world.devices.items() if board.active in digests}

    @property
    def leader(self) -> Leader:
        """The present one."""
        assert self.world.leader is not None
        return self.world.leader

    def stand(self, device: str) -> Stand:
        """Where a device stands, as its leader sees it."""
        assert self.leader.decided is not None
        return self.leader.decided.devices[device]

    def step(self, ring: str) -> str:
        return self.world.store.rings[ring].state.step.value


def watch(facts: FleetFacts, **other: Any) -> Watched:
    """Returns a watched world."""
    everything = Everything()
    observers = (*everything.checks, *other.pop("observers", ()))
    return Watched(World(facts, observers=observers, **other), everything)


def draw_by_name(ways: Mapping[str, Behaviour], default: Behaviour = IDEAL) -> Callable[[DeviceFacts], Behaviour]:
    return lambda device: ways.get(device.name, default)


# Random worlds.


@dataclass
class Dice:
    """Everything of a random world, drawn from its seed."""

    seed: int
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(f"world {self.seed}")

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def draw(self, *observers: Observer) -> Watched:
        classes = (CLASS, "esp32-s3") if self.often(0.3) else (CLASS,)
        versions = [self._draw_version(name, classes) for name in ("1.0.0", "1.1.0", "1.2.0")]
        first = versions[0]
        rings = tuple(prove(ring, first) if self.often(0.8) else ring for ring in self._draw_rings())
        devices = tuple(self._draw_device(f"motor-{n:03}", first, classes) for n in range(self.random.randint(4, 18)))
        facts = FleetFacts(rings, (first,), devices, rate_per_minute=30 if self.often(0.2) else None)
        profile = self._draw_profile(versions)
        watched = watch(
            facts,
            seed=self.seed,
            draw=lambda device: profile.draw(self.seed, device.name),
            wire=self._draw_wire(),
            pace=Pace(status_seconds=self.random.choice((0.2, 2.0)), status_per_second=self.random.choice((2, 50))),
            trouble=self._draw_trouble(),
            observers=observers,
        )
        self._script(watched.world, versions)
        return watched

    def _draw_version(self, name: str, classes: tuple[str, ...]) -> VersionFacts:
        """Returns a version; a later one may lack a class, be too large for one, or raise the security floor."""
        if name == "1.0.0":
            return make_version(name, classes=classes)
        made = make_version(name, classes=classes[:1] if self.often(0.2) else classes)
        needs = {
            "size_bytes": 70_000 if self.often(0.05) else SIZE,
            "security_version": 1 if self.often(0.1) else 0,
        }
        artifacts = {each: replace(a, needs=replace(a.needs, **needs)) for each, a in made.artifacts.items()}
        return replace(made, artifacts=artifacts)

    def _draw_rings(self) -> tuple[RingFacts, ...]:
        if self.often(0.2):
            return self._draw_diamond()
        chain = ["canary", "early", "rest"][: self.random.randint(1, 3)]
        rings = [
            make_ring(
                name,
                track="^1" if place == 0 else None,
                after=(chain[place - 1],) if place else (),
                limit=self._limit() if place < len(chain) - 1 else None,
                **self._draw_bounds(),
            )
            for place, name in enumerate(chain)
        ]
        return tuple(rings)

    def _draw_diamond(self) -> tuple[RingFacts, ...]:
        """Two rings of their own sites, and one after both; sometimes their selectors overlap."""
        sites = {"left": ("plant-1", "plant-2") if self.often(0.2) else ("plant-1",), "right": ("plant-2",)}
        heads = [
            make_ring(
                name,
                track="^1",
                selector=Selector((Requirement("site", "In", frozenset(each)),)),
                **self._draw_bounds(),
            )
            for name, each in sites.items()
        ]
        return (*heads, make_ring("rest", after=("left", "right"), **self._draw_bounds()))

    def _limit(self) -> int | float:
        return self.random.choice((1, 2, 3, 0.2, 0.4))

    def _draw_bounds(self) -> dict[str, Any]:
        pick = self.random.choice
        bounds: dict[str, Any] = {
            "max_concurrency": pick((None, None, 1, 2, 0.3)),
            "soak": pick((0.0, 0.0, 30.0, 300.0)),
            "success_percent": pick((100, 100, 90, 60)),
            "min_sample": pick((1, 1, 3)),
            "offline_policy": pick(("exclude", "exclude", "count", "wait")),
            "on_empty": pick(("hold", "hold", "skip")),
            "on_abort": pick(("rollback", "rollback", "hold")),
            "rate_per_minute": pick((None, None, 6, 20)),
            "ack_deadline": pick((60.0, 600.0)),
            "progress_deadline": pick((120.0, 1_800.0)),
            "ring_deadline": pick((None, None, 3_600.0)),
            "needs_approval": self.often(0.1),
            "abort_when": pick(((), (AbortRule("Any", 20),), (AbortRule("Any", 10, 3),), (AbortRule("Failed", 0),))),
        }
        if self.often(0.3):
            bounds |= {
                "budget_label": pick(("site", None)),
                "budget": pick((1, 2, 0.5)),
                "budget_counts_offline": self.often(0.5),
            }
        if self.often(0.1):
            bounds["window"] = Window("Europe/Berlin", (Period("08:00", "10:30"), Period("22:00", "02:00")))
        return bounds

    def _draw_device(self, name: str, runs: VersionFacts, classes: tuple[str, ...]) -> DeviceFacts:
        labels = {"motor": "x", "site": f"plant-{self.random.randint(1, 3)}"}
        return make_device(
            name,
            runs if self.often(0.9) else None,
            labels=labels,
            device_class=self.random.choice(classes),
            online=self.often(0.95),
            updates_enabled=self.often(0.97),
            revoked=self.often(0.02),
            window=Window("UTC", (Period("12:00", "13:00"),)) if self.often(0.02) else None,
        )

    def _draw_profile(self, versions: list[VersionFacts]) -> Profile:
        bad = versions[1] if self.often(0.4) else None
        some = (0.0, 0.0, 0.0, 0.1, 0.3)
        pick = self.random.choice
        return Profile(
            failing=pick(some),
            bad_digests=frozenset(each.digest for each in bad.artifacts.values()) if bad is not None else frozenset(),
            fault=pick((Profile().fault, Profile().fault, FALLS_BACK, FLAKY_DOWNLOAD)),
            asleep=pick(some),
            sleep=Sleep(pick((300.0, 1_500.0)), pick((60.0, 240.0)), polite=self.often(0.5)),
            crashing=pick(some),
            lying=pick((0.0, 0.0, 0.0, 0.15)),
            deferring=pick(some),
            mute=pick((0.0, 0.0, 0.0, 0.1)),
        )

    def _draw_wire(self) -> Wire:
        share = self.random.choice((0.0, 0.0, 0.05, 0.3))
        return Wire(duplicated=share, reordered=share)

    def _draw_trouble(self) -> Trouble:
        places = range(60)
        return Trouble(
            crash_after=frozenset(self.random.sample(places, 2)) if self.often(0.25) else frozenset(),
            pause_after=frozenset(self.random.sample(places, 1)) if self.often(0.15) else frozenset(),
            crash_share=0.05 if self.often(0.1) else 0.0,
        )

    def _script(self, world: World, versions: list[VersionFacts]) -> None:
        rings = list(world.store.rings)
        world.push(60.0, AddVersion(versions[1]))
        later = 60.0
        for _ in range(self.random.choice((0, 1, 2, 3, 4, 5, 12))):
            later += self.random.choice((3.0, 20.0, 90.0, 600.0, 5_000.0))
            world.push(later, *self._draw_moves(world, rings, versions))
        if self.often(0.2):
            world.break_broker(
                self.random.uniform(50.0, 400.0), self.random.uniform(1.0, 200.0), forget=self.often(0.7)
            )
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            world.change_leader(self.random.uniform(40.0, 600.0))
        for _ in range(self.random.choice((0, 0, 1, 2))):
            name = self.random.choice(sorted(world.devices))
            seconds = self.random.uniform(1.0, 300.0)
            what = self.random.choice(
                (
                    lambda board: board.flash_anew(),
                    lambda board, away=seconds: board.lose_power(away),
                    lambda board, away=seconds: board.vanish(away),
                )
            )
            world.happen(self.random.uniform(30.0, 600.0), name, what)
        # Whoever holds a round up, in the end a person lets it go.
        for ring in rings:
            world.push(later + 20_000.0, SetToken(ring, "approve", "in the end"), suspend(ring, suspended=False))
            world.push(later + 40_000.0, SetToken(ring, "approve", "in the very end"))

    def _draw_moves(self, world: World, rings: list[str], versions: list[VersionFacts]) -> tuple[Move, ...]:
        ring, device = self.random.choice(rings), self.random.choice(sorted(world.devices))
        token = f"t{self.random.randint(1, 3)}"
        moves: tuple[Move, ...] = (
            AddVersion(versions[2]),
            AddVersion(versions[2]),
            RemoveVersion(MODEL, "1.1.0"),
            RemoveVersion(MODEL, "1.1.0"),
            AddVersion(versions[1]),
            SetToken(ring, "retry", token),
            SetToken(ring, "approve", token),
            EditRing(ring, {"max_concurrency": self.random.choice((None, 1, 3))}),
            EditRing(ring, {"soak": self.random.choice((0.0, 60.0))}),
            suspend(ring),
            suspend(ring, suspended=False),
            pin(device, self.random.choice((None, "1.0.0", "1.1.0"))),
            EditDevice(device, {"labels": {"motor": "x", "site": "plant-9"}}),
            EditDevice(device, {"labels": {"site": "plant-1"}}),
            EditDevice(device, {"updates_enabled": self.often(0.5)}),
            EditDevice(device, {"tokens": {self.random.choice(("retry", "resume")): token}}),
            RemoveDevice(device),
            AddDevice(make_device(f"late-{token}", versions[0])),
        )
        return (self.random.choice(moves),)
