"""Whether declared things fit each other: rings and devices, versions and classes, gates and clocks."""

from collections.abc import Iterator
from itertools import combinations

from edgefleet.api.scalars import seconds
from edgefleet.api.v1alpha1 import DeviceClass, EnrolmentClaim
from edgefleet.api.v1alpha1.deviceclass import FORMATS
from edgefleet.api.v1alpha1.modelversion import Artifact
from edgefleet.contracts.limits import SOURCES_MAX
from edgefleet.domain.device.selectors import Requirement, Selector, find_overlap
from edgefleet.manifests.findings import Finding
from edgefleet.manifests.fleet import Device, Fleet, Ring, count_nouns, name_some


def check_fit(fleet: Fleet) -> Iterator[Finding]:
    """Yields what is well formed, refers to things that exist, and still cannot work."""
    yield from _check_overlap(fleet)
    yield from _check_unassigned(fleet)
    for device in fleet.devices:
        yield from _check_placement(fleet, device)
        yield from _check_sources(fleet, device)
    for models in fleet.versions.values():
        for version, declared in models.values():
            for index, artifact in enumerate(version.spec.artifacts):
                for field, rule, message in _judge_artifact(artifact, fleet.classes.get(artifact.device_class)):
                    yield declared.find(rule, message, ("spec", "artifacts", index, field))
    for ring in fleet.rings.values():
        yield from _check_members(fleet, ring)
        yield from _check_artifacts(fleet, ring)
        yield from _check_gates(fleet, ring)


def _check_overlap(fleet: Fleet) -> Iterator[Finding]:
    """Within a chain the earliest ring owns a device; between unrelated rings nobody could say which does."""
    names = {
        key: frozenset(device.object.metadata.name for device in fleet.members(ring))
        for key, ring in fleet.rings.items()
    }
    for first, second in combinations(sorted(fleet.rings.values(), key=lambda ring: ring.key), 2):
        if first.key[0] != second.key[0] or fleet.chains[first.key] == fleet.chains[second.key]:
            continue
        both = names[first.key] & names[second.key]
        other = f"ring {first.key[1]}, which neither follows nor precedes this one"
        if both:
            message = f"also selects {name_some(both)}, as does {other}"
            yield second.declared.find("rings-disjoint", message, ("spec", "selector"))
            continue
        witness = find_overlap(first.selector, second.selector)
        if witness is not None:
            labels = ", ".join(f"{key}={value}" for key, value in witness.items()) or "no labels at all"
            message = f"a device with {labels} would also be in {other}"
            yield second.declared.find("rings-disjoint", message, ("spec", "selector"), warning=True)


def _check_unassigned(fleet: Fleet) -> Iterator[Finding]:
    if not fleet.rings:
        return
    owned = {device.object.metadata.name for ring in fleet.rings.values() for device in fleet.members(ring)}
    left = [device for device in fleet.devices if device.object.metadata.name not in owned]
    if left:
        names = name_some(device.object.metadata.name for device in left)
        message = f"{count_nouns(len(left), 'device')} in no ring, so nobody updates them: {names}"
        yield left[0].declared.find("in-a-ring", message, ("metadata", "labels"), warning=True)


def _check_placement(fleet: Fleet, device: Device) -> Iterator[Finding]:
    device_class = fleet.classes.get(device.object.spec.device_class)
    if device_class is not None and device.object.spec.placement is not None and device_class.transport != "pod":
        message = f"class {device.object.spec.device_class} connects by itself (transport device), so nothing is placed"
        yield device.declared.find("placement-needs-pod", message, ("spec", "placement"))


def _check_sources(fleet: Fleet, device: Device) -> Iterator[Finding]:
    """A board gets its sources in the signed assignment, which holds so many; a pod reads them from its topic."""
    device_class = fleet.classes.get(device.object.spec.device_class)
    sources = device.object.spec.sources
    if device_class is None or device_class.transport != "device" or sources is None:
        return
    if len(sources.devices) > SOURCES_MAX:
        message = f"a board listens to at most {SOURCES_MAX} devices, not {len(sources.devices)}"
        yield device.declared.find("sources-fit-board", message, ("spec", "sources", "devices"))


def _judge_artifact(artifact: Artifact, device_class: DeviceClass | None) -> Iterator[tuple[str, str, str]]:
    """Yields (field, rule, message) of what keeps an artifact off its class."""
    if device_class is None:
        return
    wanted = FORMATS[device_class.runtime]
    if artifact.format != wanted:
        message = f"class {artifact.device_class} runs {device_class.runtime}, which reads {wanted}"
        yield "format", "format-fits-runtime", message
    if artifact.size_bytes > device_class.slot_bytes:
        message = (
            f"{artifact.size_bytes} bytes do not fit into the {device_class.slot_bytes}-byte slot "
            f"of class {artifact.device_class}"
        )
        yield "sizeBytes", "fits-slot", message


def _check_members(fleet: Fleet, ring: Ring) -> Iterator[Finding]:
    if find_overlap(ring.selector, ring.selector) is None:
        message = "contradicts itself: no device can ever match"
        yield ring.declared.find("selector-satisfiable", message, ("spec", "selector"))
        return
    members = fleet.members(ring)
    claimed = any(_could_enrol(ring, claim.spec) for claim in fleet.declarations.claims)
    if not members and not claimed:
        then = "holds the chain" if ring.object.spec.on_empty == "hold" else "is skipped"
        message = f"selects no device declared here; as long as there is none the ring {then}"
        yield ring.declared.find("ring-has-devices", message, ("spec", "selector"), warning=True)
    strategy = ring.object.spec.strategy
    group = strategy.budget.group_by if strategy and strategy.budget else None
    without = [
        device.object.metadata.name for device in members if group and group not in device.object.metadata.labels
    ]
    if without:
        message = f"{name_some(without)} without the label {group} share one budget of their own"
        yield ring.declared.find("budget-group", message, ("spec", "strategy", "budget", "groupBy"), warning=True)


def _could_enrol(ring: Ring, claim: EnrolmentClaim) -> bool:
    labels = (claim.labels or {}) | ({"site": claim.site} if claim.site else {})
    given = Selector(tuple(Requirement(key, "In", frozenset([value])) for key, value in labels.items()))
    return find_overlap(ring.selector, given) is not None


def _check_artifacts(fleet: Fleet, ring: Ring) -> Iterator[Finding]:
    """A device whose class has no artifact is never updated, and never counts as failed either."""
    classes: dict[str, list[str]] = {}
    for device in fleet.members(ring):
        name = device.object.spec.device_class
        if name in fleet.classes or not fleet.declarations.has_class_maps:  # else reported at the device
            classes.setdefault(name, []).append(device.object.metadata.name)
    for version in fleet.targets(ring):
        have = {artifact.device_class for artifact in version.spec.artifacts}
        for name in sorted(set(classes) - have):
            message = (
                f"{version.metadata.name} has no artifact for class {name} (it has {name_some(have, 8)}), "
                f"so {name_some(classes[name])} would be left out"
            )
            yield ring.declared.find("class-has-artifact", message, ("spec", "selector"))


def _check_gates(fleet: Fleet, ring: Ring) -> Iterator[Finding]:
    """Gates that can never pass hold a ring for ever."""
    spec = ring.object.spec
    deadline = spec.deadlines.ring if spec.deadlines else None
    soak = spec.promote_when.soak if spec.promote_when else None
    if deadline and soak and seconds(soak) >= seconds(deadline):
        message = f"soaking for {soak} cannot end within the ring's deadline of {deadline}"
        yield ring.declared.find("gate-can-pass", message, ("spec", "promoteWhen", "soak"))
    for index, gate in enumerate(spec.promote_when.metrics if spec.promote_when else ()):
        path = ("spec", "promoteWhen", "metrics", index)
        if gate.metric == "latency" and gate.max == 0:
            yield ring.declared.find("gate-can-pass", "no device answers in 0 microseconds", (*path, "max"))
        if gate.control is None:
            continue
        control = fleet.rings.get((ring.key[0], gate.control))
        if control is None:
            message = (
                f"control ring {gate.control} is not declared in the same namespace, so the gate would hold for ever"
            )
            yield ring.declared.find("gate-can-pass", message, (*path, "control"))
        elif control.object.spec.model != spec.model:
            message = f"control ring {gate.control} runs {control.object.spec.model}, not {spec.model}"
            yield ring.declared.find("gate-can-pass", message, (*path, "control"))
    transports = {
        fleet.classes[device.object.spec.device_class].transport
        for device in fleet.members(ring)
        if device.object.spec.device_class in fleet.classes
    }
    if spec.shadow is not None and transports == {"device"}:
        message = "only inference pods can run two versions side by side, and the ring has none"
        yield ring.declared.find("gate-can-pass", message, ("spec", "shadow"))
