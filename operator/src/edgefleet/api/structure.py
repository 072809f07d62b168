"""The base of every API model, and how lists behave under server-side apply. Must not know any kind."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_snake
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from edgefleet.api.rules import CEL_KEY, Rule, TransitionRule

if TYPE_CHECKING:
    from collections.abc import Callable


class Section(BaseModel):
    """A part of an object: frozen, camelCase outside, unknown fields refused, no coercion.

    Nulls are dropped before validation, as the API server drops them. Absent optional fields and empty lists do not
    appear when an object is written, so that Git, the model and the API server hold the same document.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    transitions: ClassVar[tuple[TransitionRule, ...]] = ()
    atomic: ClassVar[bool] = False
    """Replaced as a whole by server-side apply (`x-kubernetes-map-type: atomic`): a third less to store."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        if isinstance(given, dict):
            fields = cast("dict[str, Any]", given)
            known = {field.alias for field in cls.model_fields.values()}
            return {key: value for key, value in fields.items() if value is not None or key not in known}
        return given

    @model_validator(mode="after")
    def _obey_rules(self) -> "Section":
        for rule in self.rules:
            rule.enforce(self)
        return self

    @model_serializer(mode="wrap")
    def _omit_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = cast("dict[str, Any]", handler(self))
        absent: set[str] = set()
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is None or (value == () and field.default == ()) or _is_made_by_default(field, value):
                absent |= {name, field.alias or name}
        return {key: value for key, value in written.items() if key not in absent}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Adds the rules and the merge behaviour, for the CRD generator to find."""
        json_schema = handler.resolve_ref_schema(handler(schema))
        rules = [rule.to_crd() for rule in (*cls.rules, *cls.transitions)]
        if rules:
            json_schema[CEL_KEY] = rules
        if cls.atomic:
            json_schema["x-kubernetes-map-type"] = "atomic"
        return json_schema

    def to_json_object(self) -> dict[str, Any]:
        """Returns the section as the JSON object that goes into YAML, Git and the API server."""
        return self.model_dump(mode="json", by_alias=True)


def _is_made_by_default(field: FieldInfo, value: Any) -> bool:
    make = cast("Callable[[], Any] | None", field.default_factory)
    return make is not None and value == make()


def items(at_most: int, at_least: int = 1) -> Any:
    """Returns the bounds of a list field; lists arrive as JSON arrays, so the tuple itself is not strict."""
    return Field(strict=False, min_length=at_least, max_length=at_most)


def _without_nulls(given: Any) -> Any:
    if isinstance(given, dict):
        return {key: value for key, value in cast("dict[str, Any]", given).items() if value is not None}
    return given


WITHOUT_NULLS: Final = BeforeValidator(_without_nulls)
"""Metadata of every map: an entry that is null is no entry, as on the API server."""


@dataclass(frozen=True, slots=True)
class ListKind:
    """Metadata of a list: how server-side apply merges it, and with "map" or "set" that its members are unique."""

    kind: Literal["atomic", "set", "map"]
    keys: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuses members that repeat, as the API server does."""

        def check(value: tuple[Any, ...]) -> tuple[Any, ...]:
            seen: set[tuple[Any, ...]] = set()
            for member in value:
                key = tuple(getattr(member, name) for name in map(to_snake, self.keys)) if self.keys else (member,)
                if key in seen:
                    said = ", ".join(str(part) for part in key)
                    raise PydanticCustomError("duplicate", "{said} is listed twice", {"said": said})
                seen.add(key)
            return value

        schema = handler(source)
        return schema if self.kind == "atomic" else core_schema.no_info_after_validator_function(check, schema)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Adds the merge keywords."""
        json_schema = handler(schema)
        json_schema["x-kubernetes-list-type"] = self.kind
        if self.keys:
            json_schema["x-kubernetes-list-map-keys"] = list(self.keys)
        return json_schema


def is_same(first: Section, second: Section) -> bool:
    """Says whether two sections are equal as the API server sees it: lists by key and sets have no order."""
    return _sorted(first) == _sorted(second)


def _sorted(value: Any) -> Any:
    """Returns a comparable form of a value in which lists by key and sets stand in one order."""
    if not isinstance(value, Section):
        return [_sorted(member) for member in cast("tuple[Any, ...]", value)] if isinstance(value, tuple) else value
    parts: dict[str, Any] = {}
    for name, field in type(value).model_fields.items():
        part = _sorted(getattr(value, name))
        unordered = any(isinstance(mark, ListKind) and mark.kind != "atomic" for mark in field.metadata)
        parts[name] = sorted(part, key=repr) if unordered else part
    return parts
