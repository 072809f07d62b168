"""What devices measure, and what inference makes of it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.document import Document, Kind
from edgefleet.contracts.fields import (
    Counter,
    DeviceID,
    Milliseconds,
    Name,
    Number,
    SchemaVersion,
    Semver,
    Sha256,
    Share,
    Token,
    Uint32,
)
from edgefleet.contracts.rules import Rule


class Telemetry(Document):
    """One sample. Without `boot` and `seq` it is the original protocol, whose keys and string flag stay."""

    kind: ClassVar[Kind] = Kind.TELEMETRY
    max_bytes: ClassVar[int] = limits.TELEMETRY_MAX
    rule: ClassVar[Rule | None] = Rule.BOOT_WITH_SEQ

    schema_version: SchemaVersion | None = None
    device_id: DeviceID
    current: Number
    temperature: Number
    vibration: Number
    sound: Number
    fft_data: Literal["true", "false"] | None = None
    boot: Uint32 | None = None
    seq: Counter | None = None
    # Milliseconds since 1970, by the device's clock.
    ts: Milliseconds | None = None
    message_id: Token | None = None
    features: Annotated[tuple[Number, ...], Field(strict=False, max_length=limits.FEATURES_MAX)] | None = None


class _Result(Document):
    """What a model said about one window of one device."""

    max_bytes: ClassVar[int] = limits.RESULT_MAX

    schema_version: SchemaVersion = 1
    # The device that was judged, and who judged when that is another.
    device_id: DeviceID
    reporter: DeviceID | None = None
    # Of the judged sample, so that results join with telemetry.
    boot: Uint32
    seq: Counter
    ts: Milliseconds
    model: Name
    version: Semver
    # SHA-256 of the model's bytes.
    digest: Sha256
    score: Number
    threshold: Share
    anomalous: bool


class Anomaly(_Result):
    """The level-1 result, from the device itself."""

    kind: ClassVar[Kind] = Kind.ANOMALY

    # What the actuator was told.
    valve: Literal["open", "closed"] | None = None


class Alert(_Result):
    """The level-2 result, from an inference pod or a device with that role."""

    kind: ClassVar[Kind] = Kind.ALERT

    # Milliseconds from the sample to the result.
    latency_ms: Uint32 | None = None
