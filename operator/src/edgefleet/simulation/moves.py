"""What people change while a rollout runs: each is one change of what is declared, as a push to Git makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgefleet.domain.rollout.facts import DeviceFacts, Pin, RingFacts, RingState, VersionFacts
from edgefleet.simulation.store import Record, Store, declare


@dataclass(frozen=True, slots=True)
class AddVersion:
    """Declares a version, or what a verification made of it."""

    version: VersionFacts

    def apply(self, store: Store) -> None:
        """Makes the change."""
        store.declare_version(self.version)


@dataclass(frozen=True, slots=True)
class RemoveVersion:
    """Takes a version out of Git: a revert."""

    model: str
    version: str

    def apply(self, store: Store) -> None:
        """Makes the change."""
        store.versions.pop((self.model, self.version), None)


@dataclass(frozen=True, slots=True)
class EditRing:
    """Changes fields of a ring's spec: its generation rises."""

    ring: str
    changes: Mapping[str, Any]

    def apply(self, store: Store) -> None:
        """Makes the change."""
        found = store.rings.get(self.ring)
        if found is not None:
            store.rings[self.ring] = replace(found, **self.changes, generation=found.generation + 1)


@dataclass(frozen=True, slots=True)
class SetToken:
    """Annotates a ring: approve, retry, resume. An annotation does not raise the generation."""

    ring: str
    name: str
    value: str

    def apply(self, store: Store) -> None:
        """Makes the change."""
        found = store.rings.get(self.ring)
        if found is not None:
            store.rings[self.ring] = replace(found, tokens={**found.tokens, self.name: self.value})


@dataclass(frozen=True, slots=True)
class AddRing:
    """Declares a ring that remembers nothing."""

    ring: RingFacts

    def apply(self, store: Store) -> None:
        """Makes the change."""
        store.rings[self.ring.name] = replace(self.ring, state=RingState())


@dataclass(frozen=True, slots=True)
class RemoveRing:
    """Takes a ring out of Git, and its state with it."""

    ring: str

    def apply(self, store: Store) -> None:
        """Makes the change."""
        store.rings.pop(self.ring, None)


@dataclass(frozen=True, slots=True)
class AddDevice:
    """Declares a device."""

    device: DeviceFacts

    def apply(self, store: Store) -> None:
        """Makes the change."""
        store.devices[self.device.name] = declare(self.device)
        store.records[self.device.name] = Record()


@dataclass(frozen=True, slots=True)
class RemoveDevice:
    """Takes a device out of Git; the board goes on running."""

    device: str

    def apply(self, store: Store) -> None:
        """Makes the change."""
        store.devices.pop(self.device, None)
        store.records.pop(self.device, None)


@dataclass(frozen=True, slots=True)
class EditDevice:
    """Changes what is declared of a device: labels, pin, window, updates_enabled, revoked, tokens."""

    device: str
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def apply(self, store: Store) -> None:
        """Makes the change."""
        found = store.devices.get(self.device)
        if found is not None:
            store.devices[self.device] = replace(found, **self.changes)


Move = AddVersion | RemoveVersion | EditRing | SetToken | AddRing | RemoveRing | AddDevice | RemoveDevice | EditDevice


def suspend(ring: str, *, suspended: bool = True) -> EditRing:
    """Returns the move that stops a ring from starting anything, or lets it go on."""
    return EditRing(ring, {"suspend": suspended})


def pin(device: str, version: str | None, *, until: float | None = None) -> EditDevice:
    """Returns the move that pins a device to a version, or takes the pin away."""
    return EditDevice(device, {"pin": None if version is None else Pin(version, until=until)})
