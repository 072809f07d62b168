"""Builders of planner facts, and a fleet in memory that does what a plan says: for tests of the domain only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from edgefleet.domain.device.selectors import Requirement, Selector
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
    Artifact,
    Command,
    DeviceFacts,
    FleetFacts,
    Progress,
    Report,
    RingFacts,
    RingState,
    ShadowFigures,
    VersionFacts,
)
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.domain.rollout.targets import digest_version

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = Selector((Requirement("motor", "Exists"),))


def make_version(
    version: str, *, verified: bool = True, classes: tuple[str, ...] = ("esp32",), **other: Any
) -> VersionFacts:
    artifacts = {
        name: Artifact(
            hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
            hashlib.sha256(f"manifest {name} {version}".encode()).hexdigest(),
            900,
        )
        for name in classes
    }
    digest = digest_version((name, artifact.digest) for name, artifact in artifacts.items())
    return VersionFacts("anomaly", version, digest, artifacts, verified, **other)


def make_ring(name: str, **other: Any) -> RingFacts:
    return RingFacts(**({"name": name, "model": "anomaly", "generation": 1, "selector": EVERY} | other))


def make_device(name: str, **other: Any) -> DeviceFacts:
    return DeviceFacts(**({"name": name, "device_class": "esp32", "labels": {"motor": "x"}, "online": True} | other))


def make_devices(count: int, **other: Any) -> dict[str, DeviceFacts]:
    return {name: make_device(name, **other) for name in (f"motor-{number:02}" for number in range(1, count + 1))}


@dataclass
class Fleet:
    """Rings, versions and devices; `step` plans once and lets everything happen."""

    rings: dict[str, RingFacts]
    versions: list[VersionFacts]
    devices: dict[str, DeviceFacts]
    behave: Callable[[DeviceFacts, Artifact], Progress] = lambda _device, _artifact: Progress.DONE
    fault: str = ""
    """The reason that devices give for what is no success."""
    now: float = 1_000.0
    generation: int = 0
    last: Plan | None = None
    rate: int | None = None
    figures: dict[tuple[str, str, str], float] = field(default_factory=dict)
    shadows: dict[tuple[str, str], ShadowFigures] = field(default_factory=dict)
    recalled: list[str] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    """(device, version) in the order in which they were sent."""
    most_in_flight: int = 0

    def facts(self) -> FleetFacts:
        return FleetFacts(
            tuple(self.rings.values()),
            tuple(self.versions),
            tuple(self.devices.values()),
            rate_per_minute=self.rate,
            buckets=self.last.buckets if self.last is not None else {},
            figures=self.figures,
            shadows=self.shadows,
        )

    def plan(self) -> Plan:
        return plan(self.facts(), self.now)

    def step(self, seconds: float = 1.0) -> Plan:
        """Plans, runs the effects, lets devices act, and lets time pass."""
        self.tell()
        self.now += seconds
        self.act()
        return self.last or self.plan()

    def tell(self) -> Plan:
        """Plans and runs the effects; no device has heard of it yet."""
        self.last = self.plan()
        for effect in self.last.effects:
            self.run(effect)
        for name, shown in self.last.devices.items():
            self.devices[name] = replace(self.devices[name], ring=shown.ring)
        return self.last

    def run(self, effect: Effect) -> None:
        match effect:
            case SaveRing(name, state):
                self.rings[name] = replace(self.rings[name], state=state)
            case SendCommand():
                self._send(effect)
            case RecallCommand(device=name):
                self.generation += 1
                self.devices[name] = replace(self.devices[name], command=None)
                self.recalled.append(name)
            case QuarantineVersion(version=version, quarantine=quarantine):
                self._change(version, quarantine=quarantine)
            case LiftQuarantine(version=version):
                self._change(version, quarantine=None, lifted_at=self.now)
            case HandleToken(device=name, name=token):
                device = self.devices[name]
                left = {key: value for key, value in device.tokens.items() if key != token}
                self.devices[name] = replace(device, tokens=left)
            case _:
                pass
        flying = [device for device in self.devices.values() if _flies(device)]
        self.most_in_flight = max(self.most_in_flight, len(flying))

    def _send(self, effect: SendCommand) -> None:
        self.generation += 1
        command = Command(
            model=effect.model,
            version=effect.version,
            digest=effect.artifact.digest,
            generation=self.generation,
            at=self.now,
            ring=effect.ring,
            attempt=effect.attempt,
        )
        device = self.devices[effect.device]
        self.devices[effect.device] = replace(device, command=command, last_good=effect.last_good)
        self.commands.append((effect.device, effect.version))

    def _change(self, name: str, **other: Any) -> None:
        self.versions = [replace(each, **other) if each.version == name else each for each in self.versions]

    def act(self) -> None:
        """Every device that is there obeys what it has not yet seen."""
        artifacts = {artifact.digest: artifact for version in self.versions for artifact in version.artifacts.values()}
        for name, device in self.devices.items():
            command = device.command
            if not device.online or not _flies(device) or command is None or command.digest not in artifacts:
                continue
            progress = self.behave(device, artifacts[command.digest])
            runs = device.report.digest if device.report else None
            runs = command.digest if progress is Progress.DONE else runs
            self.devices[name] = replace(device, report=self._answer(command, progress, runs))

    def _answer(self, command: Command, progress: Progress, runs: str | None) -> Report:
        reason = "" if progress is Progress.DONE else self.fault
        return Report(runs, command.generation, progress, reason, changed_at=self.now)

    def settle(self, most: int = 60) -> Plan:
        """Steps until nothing happens any more."""
        for _ in range(most):
            shown = self.step()
            if not shown.effects and not self.plan().effects:
                return shown
        raise AssertionError(f"still moving after {most} steps: {self.last}")

    def runs(self, version: str) -> set[str]:
        classes = tuple({device.device_class for device in self.devices.values()})
        digests = {artifact.digest for artifact in make_version(version, classes=classes).artifacts.values()}
        return {name for name, device in self.devices.items() if device.report and device.report.digest in digests}

    def state(self, ring: str) -> RingState:
        return self.rings[ring].state


def _flies(device: DeviceFacts) -> bool:
    return device.command is not None and (
        device.report is None or device.report.generation < device.command.generation
    )
