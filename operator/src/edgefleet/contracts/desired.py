"""What the operator wants of one device: the retained `desired` message and the assignment signed inside it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.envelope import Envelope
from edgefleet.contracts.fields import (
    DeviceID,
    FileName,
    Generation,
    Role,
    SchemaVersion,
    Sha256,
    Share,
    Token,
)

_HOUR_MS = 3_600_000


class Settings(Part):
    """How a device samples, judges and reports. A field that is absent keeps the firmware's default."""

    anomaly_threshold: Share | None = None
    hysteresis_windows: Annotated[int, Field(ge=1, le=1000)] | None = None
    sample_period_ms: Annotated[int, Field(ge=1, le=_HOUR_MS)] | None = None
    telemetry_period_ms: Annotated[int, Field(ge=10, le=24 * _HOUR_MS)] | None = None
    role: Role | None = None
    sources: Annotated[tuple[DeviceID, ...], Field(strict=False, max_length=limits.SOURCES_MAX)] | None = None


class Assignment(Document):
    """The signed command to one device. It also carries the settings: signed as sent, nothing to canonicalise."""

    kind: ClassVar[Kind] = Kind.ASSIGNMENT
    max_bytes: ClassVar[int] = limits.ASSIGNMENT_MAX

    schema_version: SchemaVersion = 1
    device_id: DeviceID
    generation: Generation
    # SHA-256 of the manifest envelope's payload; absent: keep the model you have.
    manifest_digest: Sha256 | None = None
    settings: Settings | None = None
    # The device waits a random time up to this many seconds before it downloads.
    jitter_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    # A new token asks for a new commissioning baseline.
    commission: Token | None = None


class ManifestReference(Part):
    """Where to find the manifest; unsigned, so it must agree with the assignment."""

    digest: Sha256
    # Of the manifest envelope, to bound the download.
    size_bytes: Annotated[int, Field(ge=1, le=limits.ENVELOPE_MAX)]


class Desired(Document):
    """The whole retained command, never a delta."""

    kind: ClassVar[Kind] = Kind.DESIRED
    max_bytes: ClassVar[int] = limits.DESIRED_MAX

    schema_version: SchemaVersion = 1
    command: Literal["download-model"] = "download-model"
    # The model's file name, for people and for the original system; empty without a model.
    payload: FileName
    manifest: ManifestReference | None = None
    assignment: Envelope
