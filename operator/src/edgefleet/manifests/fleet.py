"""The fleet that a folder declares, indexed for questions across objects. Must not judge."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from edgefleet.api.labels import to_selector
from edgefleet.api.v1alpha1 import DeviceClass, EdgeDevice, ModelVersion, RolloutRing, TrainingRun
from edgefleet.domain.device.selectors import Selector
from edgefleet.domain.rollout.versions import Version, VersionRange
from edgefleet.manifests.objects import Declarations, Declared


@dataclass(frozen=True)
class Ring:
    """A ring, and where it was declared."""

    object: RolloutRing
    declared: Declared

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return (self.object.metadata.namespace or "", self.object.metadata.name)

    @cached_property
    def selector(self) -> Selector:
        """Its selector, as the domain reads it."""
        return to_selector(self.object.spec.selector)


@dataclass(frozen=True, slots=True)
class Device:
    """A device, and where it was declared."""

    object: EdgeDevice
    declared: Declared


@dataclass(frozen=True)
class Fleet:
    """Everything declared, by what it is looked up with. Namespaces are kept apart: rings select in their own."""

    declarations: Declarations

    @cached_property
    def rings(self) -> dict[tuple[str, str], Ring]:
        """Rings by (namespace, name); the first of several with the same name."""
        rings: dict[tuple[str, str], Ring] = {}
        for ring, declared in self.declarations.of(RolloutRing):
            entry = Ring(ring, declared)
            rings.setdefault(entry.key, entry)
        return rings

    @cached_property
    def devices(self) -> list[Device]:
        """Every device."""
        return [Device(device, declared) for device, declared in self.declarations.of(EdgeDevice)]

    @cached_property
    def classes(self) -> dict[str, DeviceClass]:
        """Device classes by name."""
        return {entry.name: entry.spec for entry in self.declarations.classes}

    @cached_property
    def runs(self) -> list[tuple[TrainingRun, Declared]]:
        """Every training run."""
        return list(self.declarations.of(TrainingRun))

    @cached_property
    def versions(self) -> dict[tuple[str, str], dict[Version, tuple[ModelVersion, Declared]]]:
        """Model versions by (namespace, model), then version."""
        found: dict[tuple[str, str], dict[Version, tuple[ModelVersion, Declared]]] = {}
        for version, declared in self.declarations.of(ModelVersion):
            key = (version.metadata.namespace or "", version.spec.model)
            found.setdefault(key, {})[Version.parse(version.spec.version)] = (version, declared)
        return found

    @cached_property
    def _members(self) -> dict[tuple[str, str], list[Device]]:
        """Every ring's devices, found once: the checks ask again and again."""
        return {
            key: [device for device in self.devices if self.selects(ring, device)] for key, ring in self.rings.items()
        }

    def members(self, ring: Ring) -> list[Device]:
        """Returns the declared devices that the ring's selector matches, its limit left aside."""
        return self._members[ring.key]

    def selects(self, ring: Ring, device: Device) -> bool:
        """Says whether the ring's selector matches the device."""
        same_namespace = (device.object.metadata.namespace or "") == ring.key[0]
        return same_namespace and ring.selector.matches(device.object.metadata.labels)

    def predecessors(self, ring: Ring) -> Iterator[Ring]:
        """Yields the declared rings that `ring` follows."""
        for name in ring.object.spec.after:
            found = self.rings.get((ring.key[0], name))
            if found is not None:
                yield found

    def targets(self, ring: Ring) -> list[ModelVersion]:
        """Returns the declared versions the ring could move to now: its pin, the best it tracks, or its chain's."""
        found: dict[str, ModelVersion] = {}
        for source in self._sources(ring):
            spec = source.object.spec
            versions = self.versions.get((source.key[0], spec.model), {})
            picked = None
            if spec.model_version is not None:
                picked = Version.parse(spec.model_version)
            elif spec.track is not None:
                picked = VersionRange.parse(spec.track).pick(versions)
            if picked is not None and picked in versions:
                version = versions[picked][0]
                found[version.metadata.name] = version
        return [found[name] for name in sorted(found)]

    def _sources(self, ring: Ring) -> list[Ring]:
        """Returns the heads of the ring's chain: where its versions come from."""
        heads: dict[tuple[str, str], Ring] = {}
        seen: set[tuple[str, str]] = set()
        waiting = [ring]
        while waiting:
            current = waiting.pop()
            if current.key in seen:
                continue
            seen.add(current.key)
            if current.object.spec.after:
                waiting.extend(self.predecessors(current))
            else:
                heads[current.key] = current
        return [heads[key] for key in sorted(heads)]

    @cached_property
    def chains(self) -> dict[tuple[str, str], tuple[str, str]]:
        """The chain of each ring, named by its first ring: rings joined by `after` in either direction."""
        chain = {key: key for key in self.rings}

        def find(key: tuple[str, str]) -> tuple[str, str]:
            while chain[key] != key:
                key = chain[key]
            return key

        for ring in self.rings.values():
            for before in self.predecessors(ring):
                first, second = sorted((find(ring.key), find(before.key)))
                chain[second] = first
        return {key: find(key) for key in self.rings}


def count_nouns(count: int, noun: str) -> str:
    """Returns "1 device", "2 devices"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def name_some(names: Iterable[str], most: int = 3) -> str:
    """Returns "a, b, c and 4 more"."""
    listed = sorted(names)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
