"""Whether what objects name exists: classes, versions, rings. Must not judge whether things fit each other."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from edgefleet.api.v1alpha1 import EnrolmentClaim
from edgefleet.domain.rollout.versions import Version, VersionRange
from edgefleet.manifests.findings import FieldPath, Finding
from edgefleet.manifests.fleet import Fleet, Ring, name_some
from edgefleet.manifests.objects import Declared, DeclaredDocument


def check_references(fleet: Fleet) -> Iterator[Finding]:
    """Yields what is named and not declared, and what is declared twice."""
    yield from _check_twice(fleet)
    yield from _check_classes(fleet)
    yield from _check_pins(fleet)
    for ring in fleet.rings.values():
        yield from _check_ring_version(fleet, ring)
        yield from _check_ring_order(fleet, ring)
    yield from _check_cycles(fleet)


def _check_twice(fleet: Fleet) -> Iterator[Finding]:
    for listed in (fleet.declarations.classes, fleet.declarations.claims):
        names: set[str] = set()
        for document in listed:
            if document.name in names:
                yield document.find("declared-once", "is declared in another ConfigMap too")
            names.add(document.name)
    seen: dict[tuple[str, str, str], str] = {}
    devices: dict[str, str] = {}
    for declared in fleet.declarations.objects:
        resource, place = declared.resource, declared.manifest.place()
        key = (resource.definition.kind, resource.metadata.namespace or "", resource.metadata.name)
        here = f"{place.file}:{place.line}"
        if key in seen:
            yield declared.find("declared-once", f"is declared twice; first at {seen[key]}", ("metadata", "name"))
        elif resource.definition.kind == "EdgeDevice" and resource.metadata.name in devices:
            message = f"a device id is unique in the cluster, whatever the namespace; first at {devices[key[2]]}"
            yield declared.find("device-id-unique", message, ("metadata", "name"))
        seen.setdefault(key, here)
        if resource.definition.kind == "EdgeDevice":
            devices.setdefault(resource.metadata.name, here)


def _check_classes(fleet: Fleet) -> Iterator[Finding]:
    """A class may be declared in another repository; where this one declares classes, a missing one is a mistake."""
    complete = fleet.declarations.has_class_maps
    hint = f"; declared are {name_some(fleet.classes, 8) or 'none'}" if complete else ""
    for name, declared, path, optional in _named_classes(fleet):
        if name not in fleet.classes:
            message = f"device class {name} is not declared here{hint}"
            yield declared.find("class-exists", message, path, warning=optional or not complete)


def _named_classes(fleet: Fleet) -> Iterator[tuple[str, Declared | DeclaredDocument[EnrolmentClaim], FieldPath, bool]]:
    """Yields (class, where it is named, field, whether it may be missing)."""
    for device in fleet.devices:
        yield device.object.spec.device_class, device.declared, ("spec", "deviceClass"), False
    for run, declared in fleet.runs:
        for index, name in enumerate(run.spec.pipeline.device_classes):
            yield name, declared, ("spec", "pipeline", "deviceClasses", index), False
    for claim in fleet.declarations.claims:
        yield claim.spec.device_class, claim, ("deviceClass",), False
    for models in fleet.versions.values():
        for version, declared in models.values():
            for index, artifact in enumerate(version.spec.artifacts):
                yield artifact.device_class, declared, ("spec", "artifacts", index, "deviceClass"), True


def _check_pins(fleet: Fleet) -> Iterator[Finding]:
    for device in fleet.devices:
        pin = device.object.spec.pin
        if pin is None:
            continue
        namespace = device.object.metadata.namespace or ""
        owners = [ring for ring in fleet.rings.values() if fleet.selects(ring, device)]
        models = {pin.model} if pin.model else {ring.object.spec.model for ring in owners}
        if not models and fleet.rings:
            message = "the device is in no ring, so the pin must name the model"
            yield device.declared.find("pin-has-model", message, ("spec", "pin"))
        elif not any(
            Version.parse(pin.model_version) in fleet.versions.get((namespace, model), {}) for model in models
        ):
            named = name_some(models) or "no model"
            message = f"{named} {pin.model_version} is not declared here, the device waits for it"
            yield device.declared.find("version-exists", message, ("spec", "pin", "modelVersion"), warning=True)


def _check_ring_version(fleet: Fleet, ring: Ring) -> Iterator[Finding]:
    """A version that does not exist yet is waited for, so this is a warning."""
    spec = ring.object.spec
    versions = fleet.versions.get((ring.key[0], spec.model), {})
    have = f"; declared are {name_some(map(str, versions), 5)}" if versions else ""
    if spec.model_version is not None and Version.parse(spec.model_version) not in versions:
        message = f"{spec.model} {spec.model_version} is not declared here, the ring waits for it{have}"
        yield ring.declared.find("version-exists", message, ("spec", "modelVersion"), warning=True)
    if spec.track is not None and VersionRange.parse(spec.track).pick(versions) is None:
        message = f"no declared version of {spec.model} is in {spec.track}, the ring waits for one{have}"
        yield ring.declared.find("version-exists", message, ("spec", "track"), warning=True)


def _check_ring_order(fleet: Fleet, ring: Ring) -> Iterator[Finding]:
    for index, name in enumerate(ring.object.spec.after):
        before = fleet.rings.get((ring.key[0], name))
        path = ("spec", "after", index)
        if before is None:
            others = name_some((key[1] for key in fleet.rings if key[0] == ring.key[0] and key != ring.key), 8)
            message = f"ring {name} is not declared in the same namespace; declared are {others or 'none'}"
            yield ring.declared.find("ring-exists", message, path)
        elif before.object.spec.model != ring.object.spec.model:
            message = (
                f"ring {name} proves versions of {before.object.spec.model}, "
                f"so this ring would wait for one of {ring.object.spec.model} for ever"
            )
            yield ring.declared.find("same-model", message, path)


def _check_cycles(fleet: Fleet) -> Iterator[Finding]:
    """Reports each cycle of `after` once, at its first ring."""
    graph = {key: [before.key for before in fleet.predecessors(fleet.rings[key])] for key in sorted(fleet.rings)}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as problem:
            cycle: list[tuple[str, str]] = problem.args[1]
            names = " -> ".join(key[1] for key in cycle)
            message = f"the rings follow each other in a circle and none can ever start: {names}"
            yield fleet.rings[min(cycle)].declared.find("no-cycle", message, ("spec", "after"))
            graph[cycle[1]].remove(cycle[0])  # broken here, to find the next one
        else:
            return
