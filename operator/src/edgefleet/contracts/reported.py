"""What a device says of itself: the retained `reported` and `presence` messages."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.desired import Settings
from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.fields import (
    Accelerator,
    Counter,
    DeviceID,
    KeyId,
    Name,
    Number,
    OpName,
    Runtime,
    SchemaVersion,
    SecurityVersion,
    SeenGeneration,
    Semver,
    Sha256,
    SizeBytes,
    Slot,
    Token,
    Uint32,
)
from edgefleet.contracts.reasons import Reason

_Statistics: TypeAlias = Annotated[tuple[Number, ...], Field(strict=False, max_length=limits.FEATURES_MAX)]


class Phase(StrEnum):
    """Where a device is with the assignment it last obeyed."""

    IDLE = "Idle"
    DEFERRED = "Deferred"
    DOWNLOADING = "Downloading"
    VERIFYING = "Verifying"
    TESTING = "Testing"
    CONFIRMED = "Confirmed"
    FAILED = "Failed"
    REJECTED = "Rejected"
    ROLLED_BACK = "RolledBack"
    NOT_ACTIVATED = "NotActivated"
    REVOKED = "Revoked"


class InstalledModel(Part):
    """A model that lies in one of the two slots."""

    model: Name
    version: Semver
    # SHA-256 of the model's bytes, recomputed from flash.
    digest: Sha256
    manifest_digest: Sha256
    # Absent on pods, which have no flash.
    slot: Slot | None = None


class Capabilities(Part):
    """What this device can hold and run."""

    ram_bytes: Counter
    slot_bytes: SizeBytes
    arena_bytes: SizeBytes
    runtime: Runtime
    # What answered, not what was hoped for.
    accelerator: Accelerator
    # A named set of operators, or the operators themselves.
    ops_profile: Name | None = None
    ops: Annotated[tuple[OpName, ...], Field(strict=False, max_length=limits.OPS_MAX)] | None = None


class SelfTest(Part):
    """Golden vectors that the active model passed, and the largest difference seen."""

    passed: Annotated[int, Field(ge=0, le=limits.VECTORS_MAX)]
    total: Annotated[int, Field(ge=0, le=limits.VECTORS_MAX)]
    max_lsb: Annotated[int, Field(ge=0, le=limits.INT31_MAX)]


class Baseline(Part):
    """The healthy statistics of this device's own motor, per feature."""

    # The commissioning request that this answers.
    token: Token
    windows: Uint32
    means: _Statistics
    stds: _Statistics


class Reported(Document):
    """The device's whole state, ordered among its own by (enrolmentId, bootCount, seq)."""

    kind: ClassVar[Kind] = Kind.REPORTED
    max_bytes: ClassVar[int] = limits.REPORTED_MAX

    schema_version: SchemaVersion = 1
    device_id: DeviceID
    # Made anew when a board is flashed: its counters start over, and the operator adopts it.
    enrolment_id: Token
    boot_count: Uint32
    seq: Counter
    firmware_version: Semver
    observed_generation: SeenGeneration
    phase: Phase = Field(strict=False)
    reason: Reason = Field(strict=False)
    message: Annotated[str, Field(max_length=limits.MESSAGE_MAX)] | None = None
    attempts: Uint32 | None = None
    active: InstalledModel | None = None
    previous: InstalledModel | None = None
    settings: Settings | None = None
    capabilities: Capabilities
    # True where an accelerator was asked for and the CPU answers.
    fallback: bool | None = None
    arena_used_bytes: SizeBytes | None = None
    self_test: SelfTest | None = None
    # Of one inference, the median since the model became active.
    latency_us: Uint32 | None = None
    baseline: Baseline | None = None
    # The keys this device trusts.
    key_ids: Annotated[tuple[KeyId, ...], Field(strict=False, max_length=2 * limits.KEYS_MAX)]
    # The highest securityVersion it has accepted.
    security_floor: SecurityVersion


class Presence(Document):
    """Online, or the broker's word (the last will) that the device is gone."""

    kind: ClassVar[Kind] = Kind.PRESENCE
    max_bytes: ClassVar[int] = limits.PRESENCE_MAX

    schema_version: SchemaVersion = 1
    device_id: DeviceID
    status: Literal["online", "offline"]
    enrolment_id: Token
    boot_count: Uint32
