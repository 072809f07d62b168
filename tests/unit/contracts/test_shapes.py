"""A model that the firmware's tables cannot express is refused by name, not half checked."""

from enum import IntEnum, StrEnum
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, StringConstraints, computed_field, field_validator

from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.fields import DeviceID, SchemaVersion
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.shapes import UnsupportedConstructError, ValueType, shape_of


class _Number(IntEnum):
    ONE = 1


class _Text(StrEnum):
    ONE = "one"


_Item = Annotated[int, Field(ge=0, le=1)]


@pytest.mark.parametrize(
    ("annotation", "complaint"),
    [
        (int, "an integer has bounds"),
        (Annotated[int, Field(ge=0)], "an integer has bounds"),
        (Annotated[int, Field(ge=0, le=2**63)], "an integer has bounds"),
        (Annotated[int, Field(gt=0, le=5)], "int with gt"),
        (Annotated[int, Field(ge=0, le=5, multiple_of=2)], "int with multiple_of"),
        (float, "a number is finite"),
        (Annotated[float, Field(gt=0, allow_inf_nan=False)], "float with gt"),
        (str, "a text has a largest length"),
        (Annotated[str, Field(max_length=5, pattern="^x$")], "no kind of formats.PATTERN_KINDS"),
        (Annotated[str, StringConstraints(max_length=5, strip_whitespace=True)], "str with strip_whitespace"),
        (bytes, "bytes"),
        (dict[str, int], "dict"),
        (list[int], "list"),
        (set[int], "set"),
        (Any, "any"),
        (int | str, "union"),
        (Literal[1, 2], "Literal"),
        (Literal[False], "Literal"),
        (Literal["a", 1], "Literal"),
        (_Number, "enum"),
        (_Text, "an enumeration is a StrEnum with strict=False"),
        (tuple[_Item, ...], "an array has one kind of item and a largest length"),
        (Annotated[tuple[_Item, ...], Field(max_length=3)], "strict=False only"),
        (Annotated[tuple[_Item, _Item], Field(strict=False)], "an array has one kind of item"),
        (Annotated[tuple[_Item | None, ...], Field(max_length=3, strict=False)], "items are plain values"),
        (
            Annotated[
                tuple[Annotated[tuple[_Item, ...], Field(max_length=3, strict=False)], ...],
                Field(max_length=3, strict=False),
            ],
            "items are plain values",
        ),
        (DeviceID | None, "go together"),
        (SchemaVersion, "Literal"),
    ],
    ids=str,
)
def test_a_construct_without_a_table_is_refused(annotation: Any, complaint: str) -> None:
    model = type("Odd", (Part,), {"__annotations__": {"field": annotation}, "__module__": __name__})
    with pytest.raises(UnsupportedConstructError, match=r"Odd\.field") as caught:
        shape_of(model)
    assert complaint in str(caught.value)


def test_validators_of_a_models_own_are_refused() -> None:
    class Checked(Part):
        field: DeviceID

        @field_validator("field")
        @classmethod
        def _check(cls, value: str) -> str:
            return value

    with pytest.raises(UnsupportedConstructError, match=r"Checked\.field"):
        shape_of(Checked)


def test_computed_fields_are_refused() -> None:
    class Computed(Part):
        field: DeviceID

        @computed_field
        @property
        def twice(self) -> str:
            return self.field * 2

    with pytest.raises(UnsupportedConstructError, match="computed"):
        shape_of(Computed)


def test_a_lenient_part_is_refused() -> None:
    class Lenient(Part, extra="forbid"):
        field: DeviceID

    with pytest.raises(UnsupportedConstructError, match="unknown fields are ignored"):
        shape_of(Lenient)


def test_two_names_on_the_wire_are_refused() -> None:
    class Renamed(Part):
        field: DeviceID = Field(validation_alias="a", serialization_alias="b")

    with pytest.raises(UnsupportedConstructError, match="one name"):
        shape_of(Renamed)


def test_a_part_inside_a_document_is_named_with_its_path() -> None:
    class Inner(Part):
        count: int

    class Outer(Document):
        kind: ClassVar[Kind] = Kind.CONTROL
        max_bytes: ClassVar[int] = 100
        parts: Annotated[tuple[Inner, ...], Field(strict=False, max_length=2)]

    with pytest.raises(UnsupportedConstructError, match=r"Outer\.parts\.count"):
        shape_of(Outer)


def test_what_a_table_can_say_is_read() -> None:
    class Good(Part):
        schema_version: SchemaVersion = 1
        text: _Text = Field(strict=False)
        passed: Literal[True] = True
        count: _Item | None = None

    shape = shape_of(Good)
    assert [(f.name, f.type, f.required) for f in shape.fields] == [
        ("schema", ValueType.SCHEMA, True),
        ("text", ValueType.CHOICE, True),
        ("passed", ValueType.TRUE, True),
        ("count", ValueType.INTEGER, False),
    ]
    assert shape.value_fault is Reason.OUT_OF_RANGE
