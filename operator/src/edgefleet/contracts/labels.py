"""Truth about a device's state over an interval, for training."""

from typing import ClassVar

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.document import Document, Kind
from edgefleet.contracts.fields import DeviceID, Instant, Name, SchemaVersion
from edgefleet.contracts.rules import Rule


class Label(Document):
    """The body of `POST /v1/labels`: the device was in `state` from `start` until just before `end`."""

    kind: ClassVar[Kind] = Kind.LABELS
    max_bytes: ClassVar[int] = limits.LABELS_MAX
    rule: ClassVar[Rule | None] = Rule.INTERVAL

    schema_version: SchemaVersion | None = None
    device_id: DeviceID
    start: Instant = Field(validation_alias="from", serialization_alias="from")
    end: Instant = Field(validation_alias="to", serialization_alias="to")
    state: Name
    # Who says so: a simulator, a technician, a maintenance system.
    source: Name
