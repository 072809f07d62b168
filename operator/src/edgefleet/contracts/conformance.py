"""The verdict of a table on a document: the first fault in declared field order, depth first.

This is the same walk as `ef_contract_check` in firmware/core/src/ef_contract.c; pydantic then builds the object.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeGuard

from edgefleet.contracts.formats import PATTERN_KINDS
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.rules import broken_rule
from edgefleet.contracts.shapes import SCHEMA_VERSION, FieldShape, ObjectShape, ValueType
from edgefleet.contracts.strict_json import Tree

_PATTERNS: Final = {kind: re.compile(pattern) for kind, pattern in PATTERN_KINDS.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing wrong with a document.

    Attributes:
        reason: the verdict.
        path: dotted, array indexes in brackets, empty for the document itself.
        rule: what is demanded there, in words.
    """

    reason: Reason
    path: str
    rule: str


def first_fault(shape: ObjectShape, tree: Tree, path: str = "") -> Fault | None:
    """Check a parsed document.

    Args:
        shape: of the object.
        tree: what `strict_json.parse` returned.
        path: where the object lies in its document.

    Returns:
        The first fault, or None.
    """
    if not isinstance(tree, dict):
        return Fault(Reason.WRONG_TYPE, path, "an object")
    for field in shape.fields:
        where = f"{path}.{field.name}" if path else field.name
        if field.name not in tree:
            if field.required:
                return Fault(Reason.MISSING_FIELD, where, "required")
            continue
        fault = _field_fault(field, tree[field.name], where, shape.value_fault)
        if fault:
            return fault
    broken = broken_rule(shape.rule, tree) if shape.rule else None
    if broken:
        return Fault(broken.reason, f"{path}.{broken.path}" if path else broken.path, broken.demand)
    return None


def matches(kind: str, text: str) -> bool:
    """Tell whether the whole text is of a pattern kind."""
    return _PATTERNS[kind].fullmatch(text) is not None


def _field_fault(field: FieldShape, value: Tree, where: str, value_fault: Reason) -> Fault | None:
    if field.items is None:
        return _value_fault(field, value, where, value_fault)
    if not isinstance(value, list):
        return Fault(Reason.WRONG_TYPE, where, "an array")
    least, most = field.items
    if not least <= len(value) <= most:
        return Fault(value_fault, where, f"{least} to {most} items")
    for index, item in enumerate(value):
        fault = _value_fault(field, item, f"{where}[{index}]", value_fault)
        if fault:
            return fault
    return None


def _value_fault(field: FieldShape, value: Tree, where: str, value_fault: Reason) -> Fault | None:
    if field.shape is not None:
        return first_fault(field.shape, value, where)
    if not _has_type(field.type, value):
        return Fault(Reason.WRONG_TYPE, where, _DEMANDS[field.type])
    if field.type is ValueType.SCHEMA and value != SCHEMA_VERSION:
        return Fault(Reason.UNSUPPORTED_SCHEMA, where, f"this side speaks schema {SCHEMA_VERSION}")
    if not _has_allowed_value(field, value):
        return Fault(value_fault, where, describe_bounds(field))
    return None


def _is_integer(value: Tree) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _has_type(kind: ValueType, value: Tree) -> bool:
    if kind in (ValueType.SCHEMA, ValueType.INTEGER):
        return _is_integer(value)
    if kind is ValueType.NUMBER:
        return _is_integer(value) or isinstance(value, float)
    if kind in (ValueType.BOOLEAN, ValueType.TRUE):
        return isinstance(value, bool)
    return isinstance(value, str)


def _has_allowed_value(field: FieldShape, value: Tree) -> bool:
    if field.type is ValueType.NUMBER and isinstance(value, int | float):
        return field.low <= float(value) <= field.high  # as the device sees it, also above 2**53
    if field.type is ValueType.INTEGER and isinstance(value, int):
        return field.low <= value <= field.high
    if isinstance(value, str):
        if field.type is ValueType.CHOICE:
            return value in field.choices
        least, most = field.length
        return least <= len(value) <= most and (field.pattern is None or matches(field.pattern, value))
    return field.type is not ValueType.TRUE or value is True


_DEMANDS: Final = {
    ValueType.SCHEMA: "an integer",
    ValueType.INTEGER: "an integer",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.TRUE: "true",
    ValueType.TEXT: "a string",
    ValueType.CHOICE: "a string",
    ValueType.OBJECT: "an object",
}


def describe_bounds(field: FieldShape) -> str:
    """Return what a value of the field must satisfy, in words, for errors and for the reference."""
    if field.type is ValueType.CHOICE:
        return "one of " + ", ".join(field.choices)
    if field.type is ValueType.INTEGER:
        return f"{field.low} to {field.high}"
    if field.type is ValueType.NUMBER:
        return "a finite number" if field.high == float("inf") else f"{field.low:g} to {field.high:g}"
    if field.type is ValueType.TEXT:
        least, most = field.length
        size = f"at most {most} characters" if not least else f"{least} to {most} characters"
        return f"{field.pattern}, {size}" if field.pattern else size
    return _DEMANDS[field.type]
