"""What Kubernetes says of the fleet at one moment, as typed values. Must not know how it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]
"""A Kubernetes object as JSON."""
UNKNOWN: Final = "Unknown"


@dataclass(frozen=True)
class Condition:
    """A condition of an object; status Unknown and empty texts where the object has none of that type."""

    status: str = UNKNOWN
    reason: str = ""
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is true."""
        return self.status == "True"


@dataclass(frozen=True)
class Device:
    """An EdgeDevice."""

    name: str
    online: bool
    accepted: bool
    phase: str
    desired: str
    """The version it was told to run; empty for none."""
    reported: str
    """The version that it says it runs; empty for none."""
    digest: str
    """SHA-256 of the bytes in its active slot, as it reports it."""
    slot: str
    """The active slot, a or b; empty for none."""
    boot_count: int
    ring: str


@dataclass(frozen=True)
class Ring:
    """A RolloutRing."""

    name: str
    step: str
    target: str
    updated: int
    total: int
    failed: int
    waiting_for: str
    after: tuple[str, ...]

    @property
    def at_rest(self) -> bool:
        """Whether the round is over and all of its devices run the target."""
        return self.step == "Proved" and self.updated == self.total


@dataclass(frozen=True)
class Version:
    """A ModelVersion."""

    name: str
    version: str
    ready: Condition
    stalled: Condition
    verified: Condition
    going: bool
    """Whether it was deleted and waits for its finalizers."""


@dataclass(frozen=True)
class Sync:
    """A Kustomization of Flux."""

    name: str
    revision: str
    """Commit id of what it applied last; empty for none."""
    ready: Condition


@dataclass(frozen=True)
class Snapshot:
    """The fleet at one moment."""

    devices: tuple[Device, ...] = ()
    rings: tuple[Ring, ...] = ()
    versions: tuple[Version, ...] = ()
    syncs: tuple[Sync, ...] = ()

    def version(self, version: str) -> Version | None:
        """Return a version of the demo's one model; None if it is not there."""
        return next((found for found in self.versions if found.version == version), None)

    def sync(self, name: str) -> Sync | None:
        """Return a Kustomization; None if it is not there."""
        return next((found for found in self.syncs if found.name == name), None)

    def confirmed(self, version: str) -> list[Device]:
        """Return the devices that were told to run a version and say that they do."""
        return [found for found in self.devices if found.phase == "UpToDate" and found.reported == version]


def read_snapshot(devices: list[Object], rings: list[Object], versions: list[Object], syncs: list[Object]) -> Snapshot:
    """Return the snapshot of lists of objects; rings stand after those that they follow."""
    return Snapshot(
        devices=tuple(sorted(map(_device, devices), key=lambda found: found.name)),
        rings=tuple(sorted(map(_ring, rings), key=lambda found: (len(found.after), found.name))),
        versions=tuple(sorted(map(_version, versions), key=lambda found: found.name)),
        syncs=tuple(sorted(map(_sync, syncs), key=lambda found: found.name)),
    )


def read_condition(item: Object, kind: str) -> Condition:
    """Return an object's condition of a type."""
    for found in _status(item).get("conditions") or ():
        if found.get("type") == kind:
            return Condition(found.get("status", UNKNOWN), found.get("reason", ""), found.get("message", ""))
    return Condition()


def _status(item: Object) -> Object:
    return item.get("status") or {}


def _device(item: Object) -> Device:
    status = _status(item)
    reported = next(iter(status.get("reported") or ()), {})
    return Device(
        name=item["metadata"]["name"],
        online=read_condition(item, "Connected").holds,
        accepted=read_condition(item, "Ready").holds,
        phase=status.get("phase", ""),
        desired=status.get("desiredVersion", ""),
        reported=status.get("reportedVersion", ""),
        digest=reported.get("digest", ""),
        slot=reported.get("slot", ""),
        boot_count=reported.get("bootCount", 0),
        ring=status.get("ring", ""),
    )


def _ring(item: Object) -> Ring:
    status = _status(item)
    counts = status.get("counts") or {}
    return Ring(
        name=item["metadata"]["name"],
        step=status.get("step", ""),
        target=(status.get("target") or {}).get("version", ""),
        updated=counts.get("updated", 0),
        total=counts.get("total", 0),
        failed=counts.get("failed", 0),
        waiting_for=status.get("waitingFor", ""),
        after=tuple(item["spec"].get("after") or ()),
    )


def _version(item: Object) -> Version:
    return Version(
        name=item["metadata"]["name"],
        version=item["spec"]["version"],
        ready=read_condition(item, "Ready"),
        stalled=read_condition(item, "Stalled"),
        verified=read_condition(item, "Verified"),
        going="deletionTimestamp" in item["metadata"],
    )


def _sync(item: Object) -> Sync:
    return Sync(
        name=item["metadata"]["name"],
        revision=_status(item).get("lastAppliedRevision", "").rpartition(":")[2],
        ready=read_condition(item, "Ready"),
    )
