"""Rules on a change, from one reading of a folder to the next: what may not be edited. Must not read files."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from edgefleet.api.meta import Resource
from edgefleet.api.structure import Section
from edgefleet.manifests.findings import FieldPath, Finding
from edgefleet.manifests.objects import Declarations


def check_transitions(old: Declarations, new: Declarations) -> Iterator[Finding]:
    """Yields every broken transition rule of objects that stand in both."""
    before = {_key(declared.resource): declared.resource for declared in old.objects}
    for declared in new.objects:
        earlier = before.get(_key(declared.resource))
        if earlier is not None:
            for path, rule_id, message in broken_transitions(earlier, declared.resource):
                yield declared.find(rule_id, message, path)


def broken_transitions(old: BaseModel, new: BaseModel, path: FieldPath = ()) -> Iterator[tuple[FieldPath, str, str]]:
    """Yields (path, rule id, message) of each rule that the change from `old` to `new` breaks.

    A rule runs where the section stands in both, as on the API server; list members are not followed.
    """
    if not isinstance(new, Section) or type(new) is not type(old):
        return
    for rule in new.transitions:
        if not rule.check(new, old):
            yield (*path, *(part for part in rule.field.split(".") if part)), rule.id, rule.message
    for name, field in type(new).model_fields.items():
        ours: Any = getattr(new, name)
        theirs: Any = getattr(old, name)
        if isinstance(ours, BaseModel) and isinstance(theirs, BaseModel):
            yield from broken_transitions(theirs, ours, (*path, field.alias or name))


def _key(resource: Resource) -> tuple[str, str, str]:
    return (resource.definition.kind, resource.metadata.namespace or "", resource.metadata.name)
