"""The documents as plain tables, read out of the pydantic models.

The same tables decide here (`conformance`) and, as C, on the device; so a model may use only what a table can say.
Anything else is refused by name, when the table is made, instead of being checked on one side only.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from edgefleet.contracts.document import Part
from edgefleet.contracts.formats import PATTERN_KINDS
from edgefleet.contracts.limits import INT64_MAX
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.rules import Rule

SCHEMA_FIELD: Final = "schema"
SCHEMA_VERSION: Final = 1

_KIND_OF_PATTERN: Final = {pattern: kind for kind, pattern in PATTERN_KINDS.items()}
_Schema = Mapping[str, Any]


class ValueType(Enum):
    """What one value may be; the value is the type's name in C."""

    SCHEMA = "Schema"
    INTEGER = "Integer"
    NUMBER = "Number"
    BOOLEAN = "Boolean"
    TRUE = "True"
    TEXT = "Text"
    CHOICE = "Choice"
    OBJECT = "Object"


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field of an object; bounds that its type does not use stay at their defaults.

    Attributes:
        name: the JSON key.
        attribute: the model's attribute.
        type: of the value, or of each item of an array.
        required: whether the wire must carry it.
        items: least and most items of an array; None for a single value.
        low: least integer or number.
        high: greatest integer or number.
        length: least and most Unicode code points of a text.
        pattern: a key of `formats.PATTERN_KINDS`, or None.
        choices: the texts allowed.
        shape: of an object.
    """

    name: str
    attribute: str
    type: ValueType
    required: bool
    items: tuple[int, int] | None = None
    low: float = 0
    high: float = 0
    length: tuple[int, int] = (0, 0)
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    shape: "ObjectShape | None" = None


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """One object: its fields in declared order, which is the order of checking."""

    name: str
    fields: tuple[FieldShape, ...]
    value_fault: Reason
    rule: Rule | None


class UnsupportedConstructError(TypeError):
    """A model uses something that the firmware's tables cannot say."""


@cache
def shape_of(model: type[Part]) -> ObjectShape:
    """Return the table of a model.

    Raises:
        UnsupportedConstructError: names the field and the construct.
    """
    return _Reader(model.__pydantic_core_schema__).object(model.__pydantic_core_schema__, model.__name__)


class _Reader:
    """Walks a core schema and accepts only what it knows, key by key."""

    def __init__(self, root: _Schema) -> None:
        self._definitions = {each["ref"]: each for each in root.get("definitions", ())}

    def object(self, schema: _Schema, path: str) -> ObjectShape:
        schema = self._resolve(schema, path)
        _expect(schema, path, "function-after", {"function", "metadata", "ref", "schema"})
        if schema["function"]["function"] is not vars(Part)["_obey_rule"]:
            raise UnsupportedConstructError(f"{path}: a validator of its own; say it as a Rule")
        inner = schema["schema"]
        _expect(inner, path, "model", {"cls", "config", "schema", "custom_init", "root_model"})
        model: type[Part] = inner["cls"]
        if inner["config"].get("extra_fields_behavior") != "ignore" or not inner["config"].get("strict"):
            raise UnsupportedConstructError(f"{path}: unknown fields are ignored and types are strict everywhere")
        _expect(inner["schema"], path, "model-fields", {"fields", "model_name", "computed_fields"})
        if inner["schema"].get("computed_fields"):
            raise UnsupportedConstructError(f"{path}: computed fields")
        fields = inner["schema"]["fields"]
        return ObjectShape(
            name=model.__name__,
            fields=tuple(self._field(name, fields[name], f"{path}.{name}") for name in model.__pydantic_fields__),
            value_fault=model.value_fault,
            rule=model.rule,
        )

    def _resolve(self, schema: _Schema, path: str) -> _Schema:
        if schema["type"] == "definitions":
            _expect(schema, path, "definitions", {"schema", "definitions"})
            schema = schema["schema"]
        if schema["type"] == "definition-ref":
            return self._definitions[schema["schema_ref"]]
        return schema

    def _field(self, attribute: str, field: _Schema, path: str) -> FieldShape:
        _expect(field, path, "model-field", {"schema", "validation_alias", "serialization_alias", "metadata"})
        name = field["validation_alias"]
        if not isinstance(name, str) or name != field["serialization_alias"]:
            raise UnsupportedConstructError(f"{path}: one name on the wire")
        schema, required = field["schema"], True
        if schema["type"] == "default":
            _expect(schema, path, "default", {"default", "schema"})
            required = schema["default"] is not None
            schema = schema["schema"]
        if (schema["type"] == "nullable") == required:
            raise UnsupportedConstructError(f"{path}: `| None` and the default None go together")
        if not required:
            _expect(schema, path, "nullable", {"schema"})
            schema = schema["schema"]
        items = None
        if schema["type"] == "tuple":
            items, schema = _array(schema, path)
        return FieldShape(name=name, attribute=attribute, required=required, items=items, **self._value(schema, path))

    def _value(self, schema: _Schema, path: str) -> dict[str, Any]:
        schema = self._resolve(schema, path)
        kind = schema["type"]
        if kind == "function-after":
            return {"type": ValueType.OBJECT, "shape": self.object(schema, path)}
        if kind not in _VALUE_READERS:
            raise UnsupportedConstructError(f"{path}: {kind}")
        return _VALUE_READERS[kind](schema, path)


def _expect(schema: _Schema, path: str, kind: str, keys: set[str]) -> None:
    if schema["type"] != kind:
        raise UnsupportedConstructError(f"{path}: {schema['type']} where {kind} is expected")
    strange = {key for key, value in schema.items() if value is not None} - keys - {"type", "metadata"}
    if strange:
        raise UnsupportedConstructError(f"{path}: {kind} with {', '.join(sorted(strange))}")


def _array(schema: _Schema, path: str) -> tuple[tuple[int, int], _Schema]:
    _expect(schema, path, "tuple", {"items_schema", "variadic_item_index", "min_length", "max_length", "strict"})
    if len(schema["items_schema"]) != 1 or schema.get("variadic_item_index") != 0 or schema.get("max_length") is None:
        raise UnsupportedConstructError(f"{path}: an array has one kind of item and a largest length")
    if schema.get("strict") is not False:
        raise UnsupportedConstructError(f"{path}: a tuple takes a JSON array with strict=False only")
    if schema["items_schema"][0]["type"] in ("tuple", "nullable", "default"):
        raise UnsupportedConstructError(f"{path}: items are plain values")
    return (schema.get("min_length") or 0, schema["max_length"]), schema["items_schema"][0]


def _integer(schema: _Schema, path: str) -> dict[str, Any]:
    _expect(schema, path, "int", {"ge", "le"})
    if "ge" not in schema or "le" not in schema or not -INT64_MAX <= schema["ge"] <= schema["le"] <= INT64_MAX:
        raise UnsupportedConstructError(f"{path}: an integer has bounds within 64 bits")
    return {"type": ValueType.INTEGER, "low": schema["ge"], "high": schema["le"]}


def _number(schema: _Schema, path: str) -> dict[str, Any]:
    _expect(schema, path, "float", {"ge", "le", "allow_inf_nan"})
    if schema.get("allow_inf_nan") is not False:
        raise UnsupportedConstructError(f"{path}: a number is finite")
    return {
        "type": ValueType.NUMBER,
        "low": float(schema.get("ge", -math.inf)),
        "high": float(schema.get("le", math.inf)),
    }


def _boolean(schema: _Schema, path: str) -> dict[str, Any]:
    _expect(schema, path, "bool", set())
    return {"type": ValueType.BOOLEAN}


def _text(schema: _Schema, path: str) -> dict[str, Any]:
    _expect(schema, path, "str", {"min_length", "max_length", "pattern"})
    if "max_length" not in schema:
        raise UnsupportedConstructError(f"{path}: a text has a largest length")
    pattern = schema.get("pattern")
    if pattern is not None and pattern not in _KIND_OF_PATTERN:
        raise UnsupportedConstructError(f"{path}: the pattern {pattern!r} is no kind of formats.PATTERN_KINDS")
    length = (schema.get("min_length") or 0, schema["max_length"])
    return {"type": ValueType.TEXT, "length": length, "pattern": _KIND_OF_PATTERN[pattern] if pattern else None}


def _literal(schema: _Schema, path: str) -> dict[str, Any]:
    _expect(schema, path, "literal", {"expected"})
    expected = schema["expected"]
    if all(isinstance(each, str) for each in expected):
        return {"type": ValueType.CHOICE, "choices": tuple(expected)}
    if expected == [True] and expected[0] is True:
        return {"type": ValueType.TRUE}
    if expected == [SCHEMA_VERSION] and path.endswith(".schema_version"):
        return {"type": ValueType.SCHEMA}
    raise UnsupportedConstructError(f"{path}: Literal{expected}")


def _enumeration(schema: _Schema, path: str) -> dict[str, Any]:
    _expect(schema, path, "enum", {"cls", "members", "sub_type", "strict", "ref"})
    if schema.get("sub_type") != "str" or schema.get("strict") is not False:
        raise UnsupportedConstructError(f"{path}: an enumeration is a StrEnum with strict=False")
    return {"type": ValueType.CHOICE, "choices": tuple(member.value for member in schema["members"])}


_VALUE_READERS: Final = {
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "str": _text,
    "literal": _literal,
    "enum": _enumeration,
}
