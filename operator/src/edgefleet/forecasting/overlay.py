"""Live objects laid under declared ones: what the API server would hold once the folder is applied. Pure.

A declared object keeps its live status and tokens; its generation rises where its spec changes, as the API server has
it. A live object that is not declared leaves if whatever applied it would prune it, and stays otherwise.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from pydantic import ValidationError

from edgefleet.api.meta import GROUP, Resource
from edgefleet.api.structure import Section, is_same
from edgefleet.api.v1alpha1 import EdgeDevice, ModelVersion, RolloutRing
from edgefleet.manifests.findings import Finding, format_path
from edgefleet.manifests.objects import Declarations, Declared, describe
from edgefleet.manifests.transitions import broken_transitions
from edgefleet.runtime.ports import Object

Verb = Literal["adds", "changes", "removes", "keeps"]
Key = tuple[str, str, str]
"""(namespace, kind, name)."""

_KINDS: Final[dict[str, type[Resource]]] = {
    kind.definition.kind: kind for kind in (EdgeDevice, ModelVersion, RolloutRing)
}
_ORDER: Final[dict[Verb, int]] = {"removes": 0, "adds": 1, "changes": 2, "keeps": 3}
"""What cannot be undone by the next commit comes first."""
_TOKEN_PREFIX: Final = f"{GROUP}/"
_FLUX: Final = "kustomize.toolkit.fluxcd.io/"
_ARGO: Final = "argocd.argoproj.io/tracking-id"
_NO_PRUNE: Final = {f"{_FLUX}prune": "disabled", f"{_FLUX}reconcile": "disabled"}


class LiveError(ValueError):
    """A live object is not of this version of the API; names it and the field."""


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object against the live one.

    Attributes:
        verb: what applying does to it; "keeps" is a live object that is not declared and that nobody prunes.
        kind: such as RolloutRing.
        name: its name.
        fields: of the spec, the labels or the tokens, that change; sorted.
    """

    verb: Verb
    kind: str
    name: str
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Merged:
    """What one namespace would hold."""

    rings: list[RolloutRing] = field(default_factory=list[RolloutRing])
    versions: list[ModelVersion] = field(default_factory=list[ModelVersion])
    devices: list[EdgeDevice] = field(default_factory=list[EdgeDevice])
    changes: list[ObjectChange] = field(default_factory=list[ObjectChange])

    def add(self, resource: Resource) -> None:
        """Takes an object of ours; TrainingRuns play no part."""
        match resource:
            case RolloutRing():
                self.rings.append(resource)
            case ModelVersion():
                self.versions.append(resource)
            case EdgeDevice():
                self.devices.append(resource)
            case _:
                pass


def read_live(objects: Iterable[Object]) -> dict[Key, Resource]:
    """Returns the live objects of our kinds.

    Raises:
        LiveError: one of them is not what this version of the API allows.
    """
    found: dict[Key, Resource] = {}
    for value in objects:
        kind = _KINDS.get(str(value.get("kind")))
        if kind is None or not str(value.get("apiVersion", "")).startswith(f"{GROUP}/"):
            continue
        try:
            resource = kind.model_validate(value)
        except ValidationError as problem:
            path, _, message = describe(problem.errors(include_url=False)[0], kind)
            name = (value.get("metadata") or {}).get("name", "(no name)")
            raise LiveError(f"live {value['kind']} {name}: {format_path(path)}: {message}") from None
        found[resource.metadata.namespace or "", kind.definition.kind, resource.metadata.name] = resource
    return found


def merge(
    declarations: Declarations, live: Mapping[Key, Resource], *, namespace: str, prune: bool
) -> tuple[dict[str, Merged], list[Finding]]:
    """Returns what each namespace would hold, and what the API server would refuse to change.

    Args:
        declarations: the folder's.
        live: see `read_live`.
        namespace: of declared objects that name none.
        prune: every live object that is not declared leaves, whoever applied it.
    """
    out: defaultdict[str, Merged] = defaultdict(Merged)
    findings: list[Finding] = []
    declared: set[Key] = set()
    for entry in declarations.objects:
        kind, name = entry.resource.definition.kind, entry.resource.metadata.name
        if kind not in _KINDS:
            continue
        where = entry.resource.metadata.namespace or namespace
        declared.add((where, kind, name))
        before = live.get((where, kind, name))
        if before is not None:
            findings += [
                entry.find(rule, text, path) for path, rule, text in broken_transitions(before, entry.resource)
            ]
        _lay(entry, before, out[where])
    owners = {owner for key in declared if key in live and (owner := find_owner(live[key]))}
    for key, resource in live.items():
        if key in declared or (declared and key[0] not in out):
            continue
        leaves = prune or (find_owner(resource) in owners and not _is_kept(resource))
        if declared and leaves:
            out[key[0]].changes.append(ObjectChange("removes", key[1], key[2]))
        else:
            out[key[0]].add(resource)
            if declared:
                out[key[0]].changes.append(ObjectChange("keeps", key[1], key[2]))
    for merged in out.values():
        merged.changes.sort(key=lambda change: (_ORDER[change.verb], change.kind, change.name))
    return dict(sorted(out.items())), findings


def find_owner(resource: Resource) -> str:
    """Returns what applied an object and prunes it, a Flux Kustomization or an Argo CD application; else nothing."""
    labels, annotations = resource.metadata.labels, resource.metadata.annotations
    if f"{_FLUX}name" in labels:
        return f"flux:{labels.get(f'{_FLUX}namespace', '')}/{labels[f'{_FLUX}name']}"
    if _ARGO in annotations:
        return f"argo:{annotations[_ARGO].partition(':')[0]}"
    return ""


def _is_kept(resource: Resource) -> bool:
    marks = resource.metadata.labels | resource.metadata.annotations
    return any(marks.get(key) == value for key, value in _NO_PRUNE.items())


def _lay(entry: Declared, before: Resource | None, out: Merged) -> None:
    resource = entry.resource
    kind, name = resource.definition.kind, resource.metadata.name
    if before is None:
        out.add(resource)
        out.changes.append(ObjectChange("adds", kind, name))
        return
    fields = tuple(sorted(_find_changes(before, resource)))
    if fields:
        out.changes.append(ObjectChange("changes", kind, name, fields))
    generation = before.metadata.generation or 0
    same = is_same(_spec(before), _spec(resource))
    metadata = resource.metadata.model_copy(
        update={
            "annotations": _tokens(before) | resource.metadata.annotations,
            "generation": generation if same else generation + 1,
            "uid": before.metadata.uid,
            "deletion_timestamp": before.metadata.deletion_timestamp,
        }
    )
    out.add(resource.model_copy(update={"metadata": metadata, "status": _status(before)}))


def _find_changes(before: Resource, after: Resource) -> Iterator[str]:
    """Yields the fields that differ: of the spec two levels deep, the labels and tokens by key."""
    yield from _compare("spec", _spec(before), _spec(after), 2)
    old, new = _own_labels(before), _own_labels(after)
    yield from (f"labels.{key}" for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    tokens = _tokens(before)
    yield from (key for key, value in _tokens(after).items() if tokens.get(key) != value)


def _compare(path: str, before: Section, after: Section, depth: int) -> Iterator[str]:
    for name, info in type(after).model_fields.items():
        old: Any = getattr(before, name)
        new: Any = getattr(after, name)
        where = f"{path}.{info.alias or name}"
        if isinstance(old, Section) and isinstance(new, Section):
            if is_same(old, new):
                continue
            if depth > 1:
                yield from _compare(where, old, new, depth - 1)
                continue
            yield where
        elif _plain(old) != _plain(new):
            yield where


def _plain(value: Any) -> Any:
    """Returns a comparable form: lists that are sets have no order on the API server."""
    return sorted(value, key=repr) if isinstance(value, tuple) else value


def _own_labels(resource: Resource) -> dict[str, str]:
    """Returns the labels without those that whatever applied the object added."""
    return {key: value for key, value in resource.metadata.labels.items() if not key.startswith(_FLUX)}


def _tokens(resource: Resource) -> dict[str, str]:
    annotations = resource.metadata.annotations
    return {key: value for key, value in annotations.items() if key.startswith(_TOKEN_PREFIX)}


def _spec(resource: Resource) -> Section:
    return cast("Any", resource).spec


def _status(resource: Resource) -> Section:
    return cast("Any", resource).status


def find_class_texts(objects: Sequence[Object], label: str, value: str) -> dict[str, dict[str, str]]:
    """Returns the device classes of live ConfigMaps by namespace and name, as texts."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for each in sorted(objects, key=lambda each: str((each.get("metadata") or {}).get("name", ""))):
        metadata = each.get("metadata") or {}
        if each.get("kind") == "ConfigMap" and (metadata.get("labels") or {}).get(label) == value:
            for name, text in sorted((each.get("data") or {}).items()):
                found[str(metadata.get("namespace") or "")].setdefault(name, str(text))
    return dict(found)
