"""The original system's shared control topic: hints and announcements, never an authority."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.document import Document, Kind
from edgefleet.contracts.fields import Name, SchemaVersion


class ControlMessage(Document):
    """A command and its argument; the argument is whatever the original sender wrote, mostly a file name."""

    kind: ClassVar[Kind] = Kind.CONTROL
    max_bytes: ClassVar[int] = limits.CONTROL_MAX

    schema_version: SchemaVersion | None = None
    command: Literal["extract-data", "train-model", "download-model"]
    payload: Annotated[str, Field(max_length=limits.CONTROL_PAYLOAD_MAX)]
    model: Name | None = None
