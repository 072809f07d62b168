"""Writes `crds/schemas/*.json`: JSON Schemas for editors (yaml-language-server), completion and hints included.

Editors do not evaluate CEL, so what a rule says with one pattern becomes `pattern` here.
"""

import json
from typing import Any, Final

from pydantic import BaseModel

from edgefleet.api.meta import API_VERSION, Resource
from edgefleet.api.rules import CEL_KEY
from edgefleet.api.v1alpha1 import DOCUMENTS, KINDS
from edgefleet.codegen.structural import Node, build_schema, rewrite, section_of

_DROPPED: Final = (
    CEL_KEY,
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-editor-pattern",
)


def _for_editor(node: Node) -> Node:
    out = {key: value for key, value in node.items() if key not in _DROPPED}
    if "x-editor-pattern" in node:
        out["pattern"] = node["x-editor-pattern"]
        out["patternErrorMessage"] = node[CEL_KEY][0]["message"]
    if out.pop("x-kubernetes-int-or-string", False):
        out["type"] = ["integer", "string"]
    if out.pop("exclusiveMinimum", False):  # a flag in CRDs, the bound itself in JSON Schema
        out["exclusiveMinimum"] = out.pop("minimum")
    if out.pop("x-kubernetes-preserve-unknown-fields", False):
        out["additionalProperties"] = True
    if "properties" in out:
        out["additionalProperties"] = False
    return out


def _document(title: str, description: str, body: Node) -> Node:
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, "description": description, **body}


def build_kind_schema(kind: type[Resource]) -> Node:
    """Returns the JSON Schema of a kind's manifests; status is left out, as nobody writes it by hand."""
    labels: Node = {"type": "object", "additionalProperties": {"type": "string"}}
    metadata: Node = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 253},
            "namespace": {"type": "string"},
            "labels": labels,
            "annotations": labels,
        },
    }
    return _document(
        kind.definition.kind,
        " ".join((kind.__doc__ or "").split()),
        {
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "additionalProperties": False,
            "properties": {
                "apiVersion": {"const": API_VERSION},
                "kind": {"const": kind.definition.kind},
                "metadata": metadata,
                "spec": rewrite(build_schema(section_of(kind, "spec"), f"{kind.__name__}.spec"), _for_editor),
            },
        },
    )


def build_document_schema(model: type[BaseModel]) -> Node:
    """Returns the JSON Schema of a document that stands in a ConfigMap."""
    return _document(model.__name__, " ".join((model.__doc__ or "").split()), rewrite(build_schema(model), _for_editor))


def generate() -> dict[str, bytes]:
    """Returns the files by path relative to the repository."""
    schemas: dict[str, Any] = {kind.definition.kind: build_kind_schema(kind) for kind in KINDS}
    schemas |= {model.__name__: build_document_schema(model) for model in DOCUMENTS}
    return {
        f"crds/schemas/{name.lower()}_v1alpha1.json": (json.dumps(schema, indent=2) + "\n").encode()
        for name, schema in schemas.items()
    }
