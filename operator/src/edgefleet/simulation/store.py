"""What survives every leader: declared objects, the states of rings, and what was written down of devices."""

from dataclasses import dataclass, field, replace

from edgefleet.domain.rollout.facts import (
    Command,
    DeviceFacts,
    FleetFacts,
    Quarantine,
    RingFacts,
    RingState,
    VersionFacts,
)


@dataclass(frozen=True, slots=True)
class Record:
    """What a device's status says: written late, so a leader that dies takes the last words with it.

    Attributes:
        command: what it was last told; None where nothing, or where that was recalled.
        last_good: digest of what it ran well before.
        ring: the ring that owned it.
        handled: values of tokens that were acted on, by name.
    """

    command: Command | None = None
    last_good: str | None = None
    ring: str | None = None
    handled: tuple[tuple[str, str], ...] = ()


EMPTY: Record = Record()
"""Of a device that nobody has written about."""


def declare(device: DeviceFacts) -> DeviceFacts:
    """Returns what Git says of a device, without what was observed of it."""
    return replace(
        device, ring=None, online=False, presence_since=0.0, command=None, report=None, last_good=None, abilities=None
    )


@dataclass(slots=True)
class Store:
    """The API server, the Lease and the registry's memory of quarantines, as far as a rollout needs them.

    Attributes:
        rings: declared rings with their states, by name.
        versions: declared versions by (model, version).
        devices: declared devices by name, without what was observed.
        records: statuses of devices by name.
        epoch: the highest that any leader has opened.
        quarantines: (quarantine, lifted at) by version digest: outlives the version's object.
        writes: status writes so far, rings' and devices'.
    """

    rings: dict[str, RingFacts] = field(default_factory=dict[str, RingFacts])
    versions: dict[tuple[str, str], VersionFacts] = field(default_factory=dict[tuple[str, str], VersionFacts])
    devices: dict[str, DeviceFacts] = field(default_factory=dict[str, DeviceFacts])
    records: dict[str, Record] = field(default_factory=dict[str, Record])
    epoch: int = 0
    quarantines: dict[str, tuple[Quarantine | None, float]] = field(
        default_factory=dict[str, tuple[Quarantine | None, float]]
    )
    writes: int = 0

    @classmethod
    def fill(cls, facts: FleetFacts) -> "Store":
        """Returns a store with everything that `facts` say was declared and written down."""
        store = cls({ring.name: ring for ring in facts.rings})
        for version in facts.versions:
            store.declare_version(version)
        for device in facts.devices:
            store.devices[device.name] = declare(device)
            store.records[device.name] = Record(device.command, device.last_good, device.ring)
        return store

    def declare_version(self, version: VersionFacts) -> None:
        """Takes a version; what the registry remembers of its digest is read back."""
        if version.digest in self.quarantines and version.quarantine is None:
            quarantine, lifted_at = self.quarantines[version.digest]
            version = replace(version, quarantine=quarantine, lifted_at=lifted_at)
        self.versions[version.model, version.version] = version

    def save_ring(self, name: str, state: RingState) -> None:
        """Writes a ring's state, if the ring is still declared."""
        if name in self.rings:
            self.rings[name] = replace(self.rings[name], state=state)
            self.writes += 1

    def quarantine(self, model: str, version: str, quarantine: Quarantine) -> None:
        """Puts a version into quarantine."""
        found = self.versions.get((model, version))
        if found is not None:
            self._write_version(replace(found, quarantine=quarantine))

    def lift(self, model: str, version: str, now: float) -> None:
        """Takes a version out of quarantine."""
        found = self.versions.get((model, version))
        if found is not None:
            self._write_version(replace(found, quarantine=None, lifted_at=now))

    def _write_version(self, version: VersionFacts) -> None:
        self.writes += 1
        self.quarantines[version.digest] = (version.quarantine, version.lifted_at)
        self.versions[version.model, version.version] = version

    def highest_generation(self) -> int:
        """Returns the highest generation that is written down."""
        commands = (record.command for record in self.records.values())
        return max((command.generation for command in commands if command is not None), default=0)
