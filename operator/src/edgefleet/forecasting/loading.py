"""A folder of manifests, and the live objects where they are given, to the planner's facts. Pure; guesses are named."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from edgefleet.api.v1alpha1 import DeviceClass, EdgeDevice, ModelVersion
from edgefleet.api.v1alpha1.deviceclass import CONFIG_LABEL, CONFIG_VALUE
from edgefleet.controllers.classes import parse_class
from edgefleet.controllers.ring_facts import read_ring
from edgefleet.controllers.version_facts import read_version
from edgefleet.domain.rollout.bucket import Bucket
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, VersionFacts
from edgefleet.forecasting.device_states import read_state
from edgefleet.forecasting.overlay import Key, Merged, ObjectChange, find_class_texts, merge, read_live
from edgefleet.manifests.findings import Finding
from edgefleet.manifests.folder import Reading
from edgefleet.manifests.lint import lint
from edgefleet.manifests.objects import Declarations, as_mapping, declare
from edgefleet.runtime.ports import Object

_NEVER_SEEN: Final = "nothing is known of it: taken as online, running nothing, and able to hold what its class says"
_NEVER_CONNECTED: Final = "has not connected so far: taken as online, and able to hold what its class says"
_FLASHLESS: Final = frozenset({"pod"})
"""Transports whose devices keep models elsewhere."""


Against = Literal["nothing", "live", "revision"]
"""Live objects, another revision of the folder as if it had been rolled out, or nothing at all."""


class RefusedError(ValueError):
    """The folder would not be taken by the API server, or could never work: `edgefleet lint` says the same."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep the findings, one line each."""
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that is not known and was taken for granted.

    Attributes:
        reason: one word.
        sentence: for a person, without the names.
        names: of the objects; sorted.
    """

    reason: str
    sentence: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """One namespace.

    Attributes:
        facts: for the planner.
        objects: what applying does to each object; nothing without live objects.
        assumptions: what was taken for granted.
        flashless: device classes without flash of their own.
        names: versions by artifact digest, as far as anything says them.
        decisions: what the operator last decided, by ring, as sentences.
    """

    facts: FleetFacts
    objects: tuple[ObjectChange, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    flashless: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    decisions: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Loading:
    """Everything that was given.

    Attributes:
        namespaces: by name; "" where the manifests name none.
        against: what it stands on.
        warnings: how many of them the lint has.
    """

    namespaces: Mapping[str, Loaded]
    against: Against
    warnings: int = 0


def load_fleet(  # noqa: PLR0913 - a folder, a cluster, and how to read them
    reading: Reading,
    live: Sequence[Object] | None = None,
    *,
    now: float,
    namespace: str = "",
    prune: bool = False,
    rate_per_minute: int | None = None,
) -> Loading:
    """Returns what a folder declares, over what is live.

    Args:
        reading: the folder; an empty one with `live` alone shows the cluster as it is.
        live: objects as the API server gives them; None: nothing is known of a cluster.
        now: POSIX seconds.
        namespace: of objects that name none.
        prune: live objects that are not declared leave, whoever applied them.
        rate_per_minute: commands to all devices of a namespace, as the operator was set up; None for no bound.

    Raises:
        RefusedError: the lint has errors, or a change is forbidden.
        LiveError: a live object is not what this version of the API allows.
    """
    report = lint(reading)
    if report.errors:
        raise RefusedError([finding for finding in report.findings if finding.severity == "error"])
    declarations = declare(reading.manifests)
    known = read_live(live or ())
    merged, findings = merge(declarations, known, namespace=namespace, prune=prune)
    if findings:
        raise RefusedError(findings)
    texts = find_class_texts(live or (), CONFIG_LABEL, CONFIG_VALUE)
    declared = _find_classes(declarations, namespace)
    loaded: dict[str, Loaded] = {}
    for name, objects in merged.items():
        classes = _parse_classes(texts.get(name, {})) | declared.get(name, {})
        incomplete = live is None and not declarations.has_class_maps
        scene = _Scene(name, objects, classes, known, incomplete=incomplete, live=live is not None)
        loaded[name] = _bound(_load_namespace(scene, now), rate_per_minute, now)
    return Loading(loaded, "nothing" if live is None else "live", report.warnings)


def _bound(loaded: Loaded, rate_per_minute: int | None, now: float) -> Loaded:
    """Returns the namespace with its rates; an operator that has been up for a moment has full buckets."""
    names = [ring.name for ring in loaded.facts.rings if ring.rate_per_minute is not None]
    names += [""] if rate_per_minute is not None else []
    buckets = {name: Bucket(math.inf, now) for name in names}
    return replace(loaded, facts=replace(loaded.facts, rate_per_minute=rate_per_minute, buckets=buckets))


@dataclass(frozen=True, slots=True)
class _Scene:
    namespace: str
    merged: Merged
    classes: Mapping[str, DeviceClass]
    known: Mapping[Key, object]
    incomplete: bool
    """Classes may be declared elsewhere."""
    live: bool


@dataclass(slots=True)
class _Guesses:
    """Assumptions as they come up, gathered by what they say."""

    found: defaultdict[tuple[str, str], list[str]] = field(
        default_factory=lambda: defaultdict[tuple[str, str], list[str]](list)
    )

    def note(self, reason: str, sentence: str, name: str) -> None:
        self.found[reason, sentence].append(name)

    def list(self) -> tuple[Assumption, ...]:
        return tuple(
            Assumption(reason, sentence, tuple(sorted(names))) for (reason, sentence), names in self.found.items()
        )


def _load_namespace(scene: _Scene, now: float) -> Loaded:
    guesses = _Guesses()
    versions = tuple(_assume_version(version, scene, guesses) for version in scene.merged.versions)
    devices = tuple(_assume_device(device, scene, guesses, now) for device in scene.merged.devices)
    flashless = frozenset(name for name, spec in scene.classes.items() if spec.transport in _FLASHLESS)
    facts = FleetFacts(tuple(read_ring(ring) for ring in scene.merged.rings), versions, devices)
    changes = tuple(scene.merged.changes) if scene.live else ()
    for change in changes:
        if change.verb == "keeps":
            guesses.note("NotDeclared", "is live and not declared here; nothing prunes it, so it stays", change.name)
    decisions = {
        ring.metadata.name: f"{made.verb} at {made.at}: {made.reason}{f', {made.evidence}' if made.evidence else ''}"
        for ring in scene.merged.rings
        if (made := ring.status.decision) is not None
    }
    return Loaded(facts, changes, guesses.list(), flashless, dict(_name_digests(scene.merged)), decisions)


def _name_digests(merged: Merged) -> Iterator[tuple[str, str]]:
    """Yields (artifact digest, version): what devices say first, what is declared last."""
    for device in merged.devices:
        status = device.status
        known = (*status.desired, *status.reported, *([status.last_good] if status.last_good else []))
        yield from ((each.digest, each.model_version) for each in known)
    for version in merged.versions:
        yield from ((artifact.sha256, version.spec.version) for artifact in version.spec.artifacts)


def _assume_version(version: ModelVersion, scene: _Scene, guesses: _Guesses) -> VersionFacts:
    """Returns a version; one that nobody has looked at yet counts as verified if it is signed."""
    facts = read_version(version)
    if facts.verified or version.metadata.deletion_timestamp is not None:
        return facts
    unsigned = sorted(each.device_class for each in version.spec.artifacts if each.envelope is None)
    if unsigned:
        return replace(facts, problem=f"the artifact for {unsigned[0]} is not signed")
    fresh = version.status.observed_generation == (version.metadata.generation or 0)
    if fresh and version.status.verified is False:
        return facts
    told = "is not verified by the cluster yet" if scene.live else "has not been seen by an operator"
    guesses.note("NotVerifiedYet", f"{told}; taken as verified", version.metadata.name)
    return replace(facts, verified=True, problem="")


def _assume_device(device: EdgeDevice, scene: _Scene, guesses: _Guesses, now: float) -> DeviceFacts:
    name = device.metadata.name
    known = read_state(device, scene.classes, lenient=scene.incomplete, now=now)
    if (scene.namespace, "EdgeDevice", name) not in scene.known:
        guesses.note(
            "NeverSeen",
            _NEVER_SEEN,
            name,
        )
    elif not known.seen:
        guesses.note("NeverConnected", _NEVER_CONNECTED, name)
    elif not known.said and known.facts.abilities is not None:
        guesses.note("AbilitiesOfClass", "has not said what it can hold: taken from its class", name)
    if known.facts.abilities is None:
        guesses.note("ClassElsewhere", "its device class is not declared here: everything is taken to fit", name)
    return known.facts


def _find_classes(declarations: Declarations, namespace: str) -> dict[str, dict[str, DeviceClass]]:
    found: defaultdict[str, dict[str, DeviceClass]] = defaultdict(dict)
    for entry in declarations.classes:
        where = as_mapping(entry.manifest.value.get("metadata")).get("namespace") or namespace
        found[str(where)].setdefault(entry.name, entry.spec)
    return dict(found)


def _parse_classes(texts: Mapping[str, str]) -> dict[str, DeviceClass]:
    parsed = {name: parse_class(text) for name, text in texts.items()}
    return {name: spec for name, spec in parsed.items() if isinstance(spec, DeviceClass)}
