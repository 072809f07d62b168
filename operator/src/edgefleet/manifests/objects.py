"""Manifests to objects: schema and rules, with the verdict the API server would give. Must not compare objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgefleet.api.meta import API_VERSION, GROUP, Resource
from edgefleet.api.rules import RULE_ERROR
from edgefleet.api.v1alpha1 import (
    KINDS,
    DeviceClass,
    EdgeDevice,
    EnrolmentClaim,
    ModelVersion,
    RolloutRing,
    TrainingRun,
)
from edgefleet.api.v1alpha1 import deviceclass as deviceclasses
from edgefleet.api.v1alpha1 import enrolmentclaim as claims
from edgefleet.manifests.findings import FieldPath, Finding, Place, format_path
from edgefleet.manifests.folder import Manifest
from edgefleet.manifests.yaml_documents import UnreadableError, read_documents

AnyResource = TypeVar("AnyResource", bound=Resource)
_KINDS_BY_NAME: Final = {kind.definition.kind: kind for kind in KINDS}
_CONFIGS: Final[dict[str, type[BaseModel]]] = {
    deviceclasses.CONFIG_VALUE: DeviceClass,
    claims.CONFIG_VALUE: EnrolmentClaim,
}

_RULE_NAMES: Final = {
    "extra_forbidden": "unknown-field",
    "missing": "required",
    "literal_error": "enum",
    "duplicate": "unique",
    "label": "label",
    "int_or_string": "type",
}
"""What pydantic calls a fault, and what we do; the rest is sorted by `_rule_name`."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An object that passed, and the manifest it came from."""

    resource: Resource
    manifest: Manifest

    def find(self, rule: str, message: str, path: FieldPath = (), *, warning: bool = False) -> Finding:
        """Returns a finding about a field of the object."""
        severity = "warning" if warning else "error"
        place = self.manifest.place(path)
        return Finding(severity, place, self.resource.where, format_path(path), rule, message)


@dataclass(frozen=True, slots=True)
class DeclaredClass:
    """A device class and the ConfigMap it stands in."""

    name: str
    spec: DeviceClass
    namespace: str


@dataclass(slots=True)
class Declarations:
    """Everything a folder declares that is ours."""

    objects: list[Declared] = field(default_factory=list[Declared])
    classes: list[DeclaredClass] = field(default_factory=list[DeclaredClass])
    claims: dict[str, EnrolmentClaim] = field(default_factory=dict[str, EnrolmentClaim])
    findings: list[Finding] = field(default_factory=list[Finding])
    has_class_maps: bool = False

    def of(self, kind: type[AnyResource]) -> Iterator[tuple[AnyResource, Declared]]:
        """Yields the objects of one kind."""
        for declared in self.objects:
            if isinstance(declared.resource, kind):
                yield declared.resource, declared


def declare(manifests: tuple[Manifest, ...]) -> Declarations:
    """Validates each manifest by itself; what is not ours is passed over."""
    out = Declarations()
    for manifest in manifests:
        value = manifest.value
        group = str(value.get("apiVersion", "")).partition("/")[0]
        if "kind" not in value or "apiVersion" not in value:
            if "spec" in value and "metadata" in value:
                missing = "kind" if "apiVersion" in value else "apiVersion"
                out.findings.append(
                    Finding("error", manifest.place(), "", missing, "required", f"{missing} is missing")
                )
        elif group == GROUP:
            _declare_resource(manifest, out)
        elif value["kind"] == "ConfigMap" and value["apiVersion"] == "v1":
            _declare_config(manifest, out)
    return out


def name_of(value: dict[str, Any]) -> str:
    """Returns an object as a person names it, whatever is wrong with it."""
    metadata: Any = value.get("metadata")
    fields = cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}
    prefix = f"{fields['namespace']}/" if fields.get("namespace") else ""
    return f"{value.get('kind')} {prefix}{fields.get('name', '(no name)')}"


def _declare_resource(manifest: Manifest, out: Declarations) -> None:
    value = manifest.value
    kind = _KINDS_BY_NAME.get(str(value["kind"]))
    if value["apiVersion"] != API_VERSION or kind is None:
        known = ", ".join(sorted(_KINDS_BY_NAME))
        message = f"{value['apiVersion']} {value['kind']} is not served: {API_VERSION} has {known}"
        out.findings.append(Finding("error", manifest.place(("kind",)), name_of(value), "kind", "known-kind", message))
        return
    try:
        out.objects.append(Declared(kind.model_validate(value), manifest))
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            path, rule, message = describe(error, kind)
            out.findings.append(
                Finding("error", manifest.place(path), name_of(value), format_path(path), rule, message)
            )


def describe(error: ErrorDetails, model: type[BaseModel]) -> tuple[FieldPath, str, str]:
    """Returns (path, rule, message) of one of pydantic's errors, in the words of this product."""
    path: FieldPath = tuple(part for part in error["loc"] if part != "[key]")
    context = error.get("ctx", {})
    if error["type"] == RULE_ERROR:
        pointed = tuple(part for part in str(context["field"]).split(".") if part)
        return (*path, *pointed), str(context["rule"]), str(context["message"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        close = get_close_matches(str(path[-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return path, "unknown-field", f"unknown field; {hint}"
    message = error["msg"]
    if error["type"] == "missing":
        message = "is required"
    return path, _rule_name(error["type"]), message[:1].lower() + message[1:]


def _rule_name(kind: str) -> str:
    if kind in _RULE_NAMES:
        return _RULE_NAMES[kind]
    if kind.endswith(("_type", "_parsing")):
        return "type"
    return "bounds"


def _fields_at(model: type[BaseModel], path: FieldPath) -> list[str]:
    """Returns the names of the fields that the model has at `path`, by walking its JSON Schema."""
    schema = model.model_json_schema(by_alias=True)
    node: dict[str, Any] = schema
    for part in path:
        node = _resolve(schema, node)
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return sorted(_resolve(schema, node).get("properties", {}))


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    options: list[dict[str, Any]] = node.get("anyOf", [])
    if options:
        node = next((option for option in options if option.get("type") != "null"), {})
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _declare_config(manifest: Manifest, out: Declarations) -> None:
    metadata = manifest.value.get("metadata") or {}
    model = _CONFIGS.get(str((metadata.get("labels") or {}).get(deviceclasses.CONFIG_LABEL)))
    if model is None:
        return
    out.has_class_maps |= model is DeviceClass
    data: Any = manifest.value.get("data")
    for key, text in cast("dict[str, Any]", data).items() if isinstance(data, dict) else ():
        _declare_document(manifest, key, str(text), model, out)


def _declare_document(manifest: Manifest, key: str, text: str, model: type[BaseModel], out: Declarations) -> None:
    where = name_of(manifest.value)
    field = ("data", key)
    begin = manifest.document.texts.get((*manifest.path, *field), manifest.place(field).line)

    def find(line: int, path: FieldPath, rule: str, message: str) -> None:
        place = Place(manifest.file, begin + line - 1)
        out.findings.append(Finding("error", place, where, format_path((*field, *path)), rule, message))

    try:
        documents = list(read_documents(text))
    except UnreadableError as problem:
        find(problem.line, (), "readable", str(problem))
        return
    if len(documents) != 1:
        find(1, (), "one-document", f"must hold one YAML document, not {len(documents)}")
        return
    try:
        parsed = model.model_validate(documents[0].value)
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            path, rule, message = describe(error, model)
            find(documents[0].line_of(path), path, rule, message)
    else:
        if isinstance(parsed, DeviceClass):
            namespace = str((manifest.value.get("metadata") or {}).get("namespace") or "")
            out.classes.append(DeclaredClass(key, parsed, namespace))
        elif isinstance(parsed, EnrolmentClaim):
            out.claims[key] = parsed


__all__ = [
    "Declarations",
    "Declared",
    "DeclaredClass",
    "EdgeDevice",
    "ModelVersion",
    "RolloutRing",
    "TrainingRun",
    "declare",
    "describe",
    "name_of",
]
