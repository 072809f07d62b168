"""pydantic's JSON Schema, narrowed to the constructs that a Kubernetes structural schema and our editors share.

A whitelist: whatever is not known here is refused with the path of its field, because the API server rejects some
constructs and silently misreads others. Must not know how CRDs or editor schemas are laid out.
"""

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from edgefleet.api.rules import CEL_KEY
from edgefleet.api.scalars import INT64_EXACT

Node = dict[str, Any]

_SCALARS: Final = {
    "string": {"minLength", "maxLength", "format"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum", "exclusiveMinimum"},
    "boolean": set[str](),
}
_COMMON: Final = {"type", "description", "title", "default", "enum", "const", CEL_KEY, "x-editor-pattern"}
_LIST: Final = {"items", "minItems", "maxItems", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
_MAP: Final = {"additionalProperties", "minProperties", "maxProperties", "x-free-form"}
_OBJECT: Final = {"properties", "required", "additionalProperties", "x-kubernetes-map-type"}
_INT_OR_STRING: Final = {"x-kubernetes-int-or-string", "maxLength"}
_FORMATS: Final = {"date-time"}


class UnsupportedConstructError(Exception):
    """A model uses something that cannot stand in a structural schema; the message starts with the field's path."""

    def __init__(self, path: str, why: str) -> None:
        """`path` as in "RolloutRing.spec.limit"."""
        super().__init__(f"{path}: {why}")


def build_schema(model: type[BaseModel], name: str | None = None) -> Node:
    """Returns the structural schema of `model`: references inlined, nullables unwrapped, every size bounded.

    CEL rules, `x-editor-pattern` and `x-free-form` are kept for the writers to translate.

    Raises:
        UnsupportedConstructError: a construct outside the whitelist, or a size without a bound.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _Walk(schema.get("$defs", {})).visit(schema, name or model.__name__, ())


def section_of(kind: type[BaseModel], field: str) -> type[BaseModel]:
    """Returns the model of a field such as "spec"."""
    section = kind.model_fields[field].annotation
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        raise UnsupportedConstructError(f"{kind.__name__}.{field}", "not a model")
    return section


class _Walk:
    """One pass over a schema; `defs` are the definitions that references point to."""

    def __init__(self, defs: dict[str, Node]) -> None:
        self.defs = defs

    def visit(self, node: Node, path: str, seen: tuple[str, ...]) -> Node:
        node, seen = self._resolve(node, path, seen)
        if "x-kubernetes-int-or-string" in node:
            self._only(node, _COMMON | _INT_OR_STRING, path)
            return self._plain(node)
        kind = node.get("type")
        if kind in _SCALARS:
            return self._scalar(node, kind, path)
        if kind == "array":
            return self._list(node, path, seen)
        if kind == "object" and "properties" in node:
            return self._object(node, path, seen)
        if kind == "object":
            return self._map(node, path, seen)
        raise UnsupportedConstructError(path, f"a schema of type {kind!r} ({', '.join(sorted(node))})")

    def _resolve(self, node: Node, path: str, seen: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        """Unwraps `anyOf: [X, null]` and inlines references; what stands beside them wins."""
        node = {key: value for key, value in node.items() if key != "$defs"}
        if "anyOf" in node:
            options = [option for option in node["anyOf"] if option != {"type": "null"}]
            if len(options) != 1:
                raise UnsupportedConstructError(path, "anyOf of several types")
            beside = {key: value for key, value in node.items() if key != "anyOf"}
            return self._resolve(options[0] | _without_null_default(beside), path, seen)
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in seen:
                raise UnsupportedConstructError(path, f"{name} contains itself")
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return self._resolve(self.defs[name] | beside, path, (*seen, name))
        return node, seen

    def _scalar(self, node: Node, kind: str, path: str) -> Node:
        self._only(node, _COMMON | _SCALARS[kind], path)
        out = self._plain(node)
        if "const" in out:
            out["enum"] = [out.pop("const")]
        if kind == "string" and "enum" not in out and "maxLength" not in out:
            raise UnsupportedConstructError(path, "a string without maxLength")
        if kind == "integer":
            if "minimum" not in out or "maximum" not in out:
                raise UnsupportedConstructError(path, "an integer without minimum and maximum")
            out["format"] = "int64"
        if out.get("format", "date-time") not in _FORMATS | {"int64"}:
            raise UnsupportedConstructError(path, f"format {out['format']}")
        for bound in ("minimum", "maximum", "exclusiveMinimum"):
            if abs(out.get(bound, 0)) > INT64_EXACT:
                raise UnsupportedConstructError(path, f"{bound} {out[bound]}: the API server keeps it in an int64")
        if "exclusiveMinimum" in out:
            out["minimum"], out["exclusiveMinimum"] = out["exclusiveMinimum"], True
        return out

    def _list(self, node: Node, path: str, seen: tuple[str, ...]) -> Node:
        self._only(node, _COMMON | _LIST, path)
        if "maxItems" not in node:
            raise UnsupportedConstructError(path, "a list without maxItems")
        if "x-kubernetes-list-type" not in node:
            raise UnsupportedConstructError(path, "a list without ListKind")
        out = self._plain(node)
        out["items"] = self.visit(node["items"], f"{path}[]", seen)
        return out

    def _map(self, node: Node, path: str, seen: tuple[str, ...]) -> Node:
        self._only(node, _COMMON | _MAP, path)
        if "maxProperties" not in node:
            raise UnsupportedConstructError(path, "a map without maxProperties")
        out = self._plain(node)
        if out.pop("x-free-form", False):
            out.pop("additionalProperties", None)
            out["x-kubernetes-preserve-unknown-fields"] = True
            return out
        if not isinstance(node.get("additionalProperties"), dict):
            raise UnsupportedConstructError(path, "a map whose values have no type")
        out["additionalProperties"] = self.visit(node["additionalProperties"], f"{path}.*", seen)
        return out

    def _object(self, node: Node, path: str, seen: tuple[str, ...]) -> Node:
        self._only(node, _COMMON | _OBJECT, path)
        if node.get("additionalProperties", False) is not False:
            raise UnsupportedConstructError(path, "an object that allows further fields")
        out = self._plain(node)
        out.pop("additionalProperties", None)
        out["properties"] = {
            name: self.visit(value, f"{path}.{name}", seen) for name, value in node["properties"].items()
        }
        return out

    def _plain(self, node: Node) -> Node:
        out = {key: value for key, value in node.items() if key != "title"}
        if out.get("default", 0) in (None, []):
            del out["default"]
        if "description" in out:
            out["description"] = " ".join(out["description"].split())
        return out

    def _only(self, node: Node, allowed: set[str], path: str) -> None:
        unknown = sorted(set(node) - allowed)
        if unknown:
            raise UnsupportedConstructError(path, f"{', '.join(unknown)} cannot be expressed in a structural schema")


def _without_null_default(node: Node) -> Node:
    return {key: value for key, value in node.items() if not (key == "default" and value is None)}


def rewrite(node: Node, change: Callable[[Node], Node]) -> Node:
    """Returns the schema with `change` applied to every node, innermost first."""
    out = dict(node)
    if "properties" in out:
        out["properties"] = {name: rewrite(child, change) for name, child in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = rewrite(out[key], change)
    return change(out)
