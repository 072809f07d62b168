"""Fleets that nobody declared: so many devices in a chain of rings, all of them with a model that was proved. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Final

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

MODEL: Final = "motor-anomaly"
DEVICE_CLASS: Final = "esp32"
OLD_VERSION: Final = "1.0.0"
NEW_VERSION: Final = "1.1.0"
DEVICES_A_SITE: Final = 100
_CHAIN: Final = (("canary", 0.01), ("early", 0.1), ("half", 0.5), ("rest", None))
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Shape:
    """What a made-up fleet looks like.

    Attributes:
        devices: how many.
        model_bytes: size of the model's file.
        manifest_bytes: size of its manifest's envelope.
        max_concurrency: share of each ring that updates at once.
        soak: seconds that each ring waits before it counts as proved.
        tolerated: failures in percent above which a ring stops.
        rate_per_minute: commands of the namespace; None for no bound.
    """

    devices: int
    model_bytes: int = 60_000
    manifest_bytes: int = 3_000
    max_concurrency: float = 0.2
    soak: float = 60.0
    tolerated: int = 15
    rate_per_minute: int | None = None


def make_version(shape: Shape, version: str) -> VersionFacts:
    """Returns a verified version of the fleet's model."""
    artifact = Artifact(
        digest=_hash(f"model {version}"),
        manifest_digest=_hash(f"manifest {version}"),
        manifest_bytes=shape.manifest_bytes,
        needs=Needs(size_bytes=shape.model_bytes, arena_bytes=32_768),
    )
    digest = digest_version([(DEVICE_CLASS, artifact.digest)])
    return VersionFacts(MODEL, version, digest, {DEVICE_CLASS: artifact}, verified=True)


def make_fleet(shape: Shape, now: float) -> FleetFacts:
    """Returns a fleet at rest with the old version: rings canary, early, half and rest, each after the one before.

    Args:
        shape: what it looks like.
        now: POSIX seconds; everything was proved the day before.
    """
    old = make_version(shape, OLD_VERSION)
    target = Target(old.version, old.digest)
    state = RingState(
        step=Step.PROVED,
        since=now - _DAY,
        round=1,
        started_at=now - _DAY,
        rolling_since=now - _DAY,
        target=target,
        stable=target,
        proven=(Proof(old.digest, old.version, 1, now - _DAY),),
    )
    return FleetFacts(
        rings=tuple(_make_ring(shape, place, state) for place in range(len(_CHAIN))),
        versions=(old,),
        devices=tuple(_make_device(number, old, now) for number in range(shape.devices)),
        rate_per_minute=shape.rate_per_minute,
    )


def _make_ring(shape: Shape, place: int, state: RingState) -> RingFacts:
    name, limit = _CHAIN[place]
    return RingFacts(
        name=name,
        model=MODEL,
        generation=1,
        selector=Selector((Requirement("motor", "Exists"),)),
        track="^1.0" if place == 0 else None,
        after=(_CHAIN[place - 1][0],) if place else (),
        limit=limit,
        max_concurrency=shape.max_concurrency,
        success_percent=100 - shape.tolerated,
        min_sample=3,
        soak=shape.soak,
        abort_when=(AbortRule("Any", shape.tolerated, 10),),
        state=state,
    )


def _make_device(number: int, runs: VersionFacts, now: float) -> DeviceFacts:
    site = number // DEVICES_A_SITE + 1
    return DeviceFacts(
        name=f"motor-{number + 1:05}",
        device_class=DEVICE_CLASS,
        labels={"motor": "pump", "site": f"plant-{site}", "hardware-revision": f"r{number % 3 + 1}"},
        abilities=Abilities(slot_bytes=262_144, arena_bytes=65_536),
        online=True,
        presence_since=now - _DAY,
        report=Report(runs.artifacts[DEVICE_CLASS].digest, 0, Progress.NONE, changed_at=now - _DAY),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
