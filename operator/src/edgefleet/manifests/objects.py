"""Manifests to objects: schema and rules, with the verdict the API server would give. Must not compare objects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgefleet.api.meta import API_VERSION, GROUP, Resource
from edgefleet.api.rules import RULE_ERROR
from edgefleet.api.v1alpha1 import (
    KINDS,
    DeviceClass,
    EnrolmentClaim,
)
from edgefleet.api.v1alpha1 import deviceclass as deviceclasses
from edgefleet.api.v1alpha1 import enrolmentclaim as claims
from edgefleet.contracts import formats
from edgefleet.manifests.findings import FieldPath, Finding, Place, format_path
from edgefleet.manifests.folder import Manifest
from edgefleet.manifests.yaml_documents import Document, UnreadableError, read_documents

AnyResource = TypeVar("AnyResource", bound=Resource)
_KINDS_BY_NAME: Final = {kind.definition.kind: kind for kind in KINDS}
AnySpec = TypeVar("AnySpec", bound=BaseModel)
_document_name: Final = re.compile(formats.NAME_PATTERN[:-1] + r"\Z").match

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
class DeclaredDocument(Generic[AnySpec]):
    """A document that passed, and the key of the ConfigMap it stands under."""

    name: str
    spec: AnySpec
    manifest: Manifest
    begin: int
    document: Document

    def find(self, rule: str, message: str, path: FieldPath = (), *, warning: bool = False) -> Finding:
        """Returns a finding about a field of the document."""
        severity = "warning" if warning else "error"
        place = Place(self.manifest.file, self.begin + self.document.line_of(path) - 1)
        where = name_of(self.manifest.value)
        return Finding(severity, place, where, format_path(("data", self.name, *path)), rule, message)


@dataclass(slots=True)
class Declarations:
    """Everything a folder declares that is ours."""

    objects: list[Declared] = field(default_factory=list[Declared])
    classes: list[DeclaredDocument[DeviceClass]] = field(default_factory=list[DeclaredDocument[DeviceClass]])
    claims: list[DeclaredDocument[EnrolmentClaim]] = field(default_factory=list[DeclaredDocument[EnrolmentClaim]])
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
    fields = as_mapping(value.get("metadata"))
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


def as_mapping(value: Any) -> dict[str, Any]:
    """Returns `value` if it is a mapping, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _declare_config(manifest: Manifest, out: Declarations) -> None:
    labels = as_mapping(as_mapping(manifest.value.get("metadata")).get("labels"))
    wanted = labels.get(deviceclasses.CONFIG_LABEL)
    if wanted not in (deviceclasses.CONFIG_VALUE, claims.CONFIG_VALUE):
        return
    out.has_class_maps |= wanted == deviceclasses.CONFIG_VALUE
    for key, text in as_mapping(manifest.value.get("data")).items():
        if wanted == deviceclasses.CONFIG_VALUE:
            out.classes.extend(_read_document(manifest, key, text, DeviceClass, out))
        else:
            out.claims.extend(_read_document(manifest, key, text, EnrolmentClaim, out))


def _read_document(
    manifest: Manifest, key: str, text: Any, model: type[AnySpec], out: Declarations
) -> Iterator[DeclaredDocument[AnySpec]]:
    """Yields the document under a key, or nothing; what is wrong with it goes to the findings."""
    where = name_of(manifest.value)
    field = ("data", key)
    begin = manifest.document.texts.get((*manifest.path, *field), manifest.place(field).line)

    def find(line: int, path: FieldPath, rule: str, message: str) -> None:
        place = Place(manifest.file, begin + line - 1)
        out.findings.append(Finding("error", place, where, format_path((*field, *path)), rule, message))

    if _document_name(key) is None:
        find(1, (), "safe-name", "the key is a name: lower-case letters, digits and '-', at most 63 characters")
    if not isinstance(text, str):
        find(1, (), "type", "must be a string; a document is written as a block: `key: |`")
        return
    try:
        documents = list(read_documents(text))
    except UnreadableError as problem:
        find(problem.line, (), "readable", str(problem))
        return
    if len(documents) != 1:
        find(1, (), "one-document", f"must hold one YAML document, not {len(documents)}")
        return
    try:
        yield DeclaredDocument(key, model.model_validate(documents[0].value), manifest, begin, documents[0])
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            path, rule, message = describe(error, model)
            find(documents[0].line_of(path), path, rule, message)
