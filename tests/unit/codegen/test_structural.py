"""The generator refuses what a structural schema cannot say, with the path of the field."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

import pytest
from pydantic import Field

from edgefleet.api.rules import Rule, matches
from edgefleet.api.scalars import INTEGRAL, Name
from edgefleet.api.structure import ListKind, Section, items
from edgefleet.codegen.structural import UnsupportedConstructError, build_schema, section_of

Short = Annotated[str, Field(max_length=5)]


class Inner(Section):
    """Inside."""

    name: Short
    """Its name."""


class Outer(Section):
    """Outside."""

    inner: Inner | None = None
    """What is inside."""
    many: Annotated[tuple[Inner, ...], items(3), ListKind("map", ("name",))] = ()
    """Several."""
    by_name: Annotated[dict[str, Short], Field(max_length=2)] | None = None
    """Some."""
    mode: Literal["a", "b"] = "a"
    """How."""
    only: Literal["x"]
    """One value."""
    count: Annotated[int, Field(ge=0, le=9), INTEGRAL] = 3
    """How many."""


def test_references_are_inlined_and_nullables_unwrapped() -> None:
    schema = build_schema(Outer)
    assert schema["properties"]["inner"] == {
        "description": "What is inside.",
        "properties": {"name": {"description": "Its name.", "maxLength": 5, "type": "string"}},
        "required": ["name"],
        "type": "object",
    }
    assert schema["properties"]["many"]["x-kubernetes-list-map-keys"] == ["name"]
    assert schema["properties"]["many"]["items"]["properties"]["name"]["type"] == "string"
    assert schema["properties"]["byName"]["additionalProperties"]["maxLength"] == 5
    assert schema["properties"]["mode"]["default"] == "a"
    assert schema["properties"]["only"]["enum"] == ["x"]
    assert schema["properties"]["count"] == {
        "default": 3,
        "description": "How many.",
        "format": "int64",
        "maximum": 9,
        "minimum": 0,
        "type": "integer",
    }
    assert "$defs" not in str(schema)
    assert "additionalProperties': False" not in str(schema)


def _model(annotation: object) -> type[Section]:
    return type("Model", (Section,), {"__annotations__": {"field_x": annotation}, "__module__": __name__})


class Endless(Section):
    """Contains itself."""

    more: "Endless | None" = None


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (str, "a string without maxLength"),
        (int, "an integer without minimum and maximum"),
        (Annotated[int, Field(ge=0, le=2**60)], "keeps it in an int64"),
        (Annotated[float, Field(ge=0, le=1e300)], "keeps it in an int64"),
        (Annotated[str, Field(max_length=5, pattern="^a$")], "pattern cannot be expressed"),
        (Annotated[int, Field(ge=0, le=9, multiple_of=2)], "multipleOf cannot be expressed"),
        (Annotated[int, Field(gt=0, le=9)], "exclusiveMinimum cannot be expressed"),
        (tuple[Short, ...], "a list without maxItems"),
        (Annotated[tuple[Short, ...], items(3)], "a list without ListKind"),
        (Annotated[set[Short], Field(max_length=3), ListKind("set")], "uniqueItems cannot be expressed"),
        (tuple[Short, int], "maxItems|prefixItems"),
        (dict[str, Short], "a map without maxProperties"),
        (Annotated[dict[str, object], Field(max_length=3)], "a map whose values have no type|a schema of type"),
        (Annotated[dict[Name, Short], Field(max_length=3)], "propertyNames|a map whose values|patternProperties"),
        (int | str, "anyOf of several types"),
        (Short | Inner, "anyOf of several types"),
        (object, "a schema of type None"),
        (None, "a schema of type 'null'"),
        (timedelta, "duration|maxLength|format"),
        (UUID, "format|maxLength"),
        (Endless, "Endless contains itself"),
        (Annotated[str, Field(max_length=5, json_schema_extra={"nullable": True})], "nullable cannot be expressed"),
    ],
)
def test_what_is_not_on_the_list_is_refused_with_its_path(annotation: object, says: str) -> None:
    with pytest.raises(UnsupportedConstructError, match=rf"^Model\.fieldX.*: .*({says})"):
        build_schema(_model(annotation))


def test_a_path_names_lists_and_maps() -> None:
    with pytest.raises(UnsupportedConstructError, match=r"^Model\.fieldX\[\]\.fieldX: a string without maxLength"):
        build_schema(_model(Annotated[tuple[_model(str), ...], items(3), ListKind("atomic")]))
    with pytest.raises(UnsupportedConstructError, match=r"^Model\.fieldX\.\*: a string without maxLength"):
        build_schema(_model(Annotated[dict[str, str], Field(max_length=3)]))


def test_a_pattern_must_be_anchored_and_mean_the_same_in_re2() -> None:
    for pattern in ("a$", "^a", r"^\d$", r"^\w$", r"^a\b$"):
        with pytest.raises(ValueError, match=r"anchored|RE2"):
            matches(pattern, "says", "id")


def test_only_a_section_can_be_a_part_of_a_kind() -> None:
    with pytest.raises(UnsupportedConstructError, match=r"^Outer\.mode: not a model"):
        section_of(Outer, "mode")


def test_rules_of_scalars_and_sections_reach_the_schema() -> None:
    rule = Rule("small", "self < 5", "must be small", lambda value: value < 5)

    class Ruled(Section):
        """Ruled."""

        rules = (Rule("ruled", "true", "must be", lambda _: True, field=".count"),)
        count: Annotated[int, Field(ge=0, le=9), INTEGRAL, rule]
        """Small."""

    schema = build_schema(Ruled)
    assert schema["x-kubernetes-validations"] == [{"rule": "true", "message": "must be [ruled]", "fieldPath": ".count"}]
    assert schema["properties"]["count"]["x-kubernetes-validations"] == [
        {"rule": "self < 5", "message": "must be small [small]"}
    ]
