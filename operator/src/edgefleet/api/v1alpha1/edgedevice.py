"""EdgeDevice: one microcontroller or one inference pod, what it should run and what it says it runs.

`status` is replaced as a whole and holds nothing that changes by itself: heartbeats are metrics, not writes.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.api.meta import (
    API_VERSION,
    AtomicConditions,
    Column,
    Definition,
    HandledToken,
    Resource,
)
from edgefleet.api.rules import Rule, matches
from edgefleet.api.scalars import (
    INTEGRAL,
    Count,
    Duration,
    Fraction,
    FreeForm,
    Generation,
    Instant,
    ModelName,
    Name,
    Number,
    ObservedGeneration,
    ShortText,
    StatusDigest,
    StatusName,
    StatusTime,
    StatusVersion,
    Text,
    Version,
    Word,
    lasts,
    seconds,
)
from edgefleet.api.structure import ListKind, Section, items
from edgefleet.api.v1alpha1.placement import NodeSelector, Tolerations
from edgefleet.api.windows import Window
from edgefleet.contracts import formats

Phase = Literal[
    "Unassigned", "Held", "Commanded", "UpToDate", "Failed", "Rejected", "RolledBack", "Conflict", "Revoked"
]
FirmwareVersion = Annotated[str, Field(min_length=1, max_length=64)]


class Pin(Section):
    """Holds one device at one version, whatever its ring does."""

    model: ModelName | None = None
    """The model; the ring's when absent, so a device in no ring needs it."""
    model_version: Version
    """The version to hold the device at."""
    reason: Text
    """Why, for whoever finds the pin later."""
    until: Instant | None = None
    """When the pin ends by itself; never when absent."""


class Settings(Section):
    """What a device is told besides its model; travels in the signed assignment and comes back in `reported`."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="telemetry-not-faster-than-sampling",
            cel="!has(self.samplePeriod) || !has(self.telemetryPeriod)"
            " || duration(self.telemetryPeriod) >= duration(self.samplePeriod)",
            message="telemetryPeriod must not be shorter than samplePeriod",
            check=lambda self: (
                self.sample_period is None
                or self.telemetry_period is None
                or seconds(self.telemetry_period) >= seconds(self.sample_period)
            ),
            field=".telemetryPeriod",
        ),
    )

    anomaly_threshold: Fraction | None = None
    """Score at which a window counts as an anomaly, 0 to 1; the model's own when absent."""
    hysteresis_windows: Annotated[int, Field(ge=1, le=1000), INTEGRAL] | None = None
    """Windows in a row before an anomaly is raised, or cleared."""
    sample_period: Annotated[Duration, lasts("1s", "1h")] | None = None
    """Time between two windows."""
    telemetry_period: Annotated[Duration, lasts("1s", "24h")] | None = None
    """Time between two telemetry messages."""


class Sources(Section):
    """What a level-2 device listens to."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="sources-named",
            cel="has(self.inputTopic) || has(self.devices)",
            message="at least one of inputTopic and devices must be given",
            check=lambda self: self.input_topic is not None or bool(self.devices),
        ),
    )

    input_topic: (
        Annotated[
            str,
            Field(min_length=1, max_length=249),
            matches(r"^[a-zA-Z0-9._-]+$", "must be the name of a Kafka topic", "kafka-topic"),
        ]
        | None
    ) = None
    """Kafka topic of sensor windows (inference pods)."""
    devices: Annotated[tuple[Name, ...], items(64), ListKind("set")] = ()
    """Devices whose telemetry it judges; all of the topic when absent."""


class Placement(Section):
    """Where an inference pod runs. Only for device classes with transport `pod`."""

    node_selector: NodeSelector | None = None
    """Labels the node must have, besides the accelerator's of the class."""
    tolerations: Tolerations = ()
    """Taints the pod tolerates."""
    affinity: FreeForm | None = None
    """A Kubernetes affinity, checked when the pod is made."""
    runtime_class_name: Name | None = None
    """The RuntimeClass of the pod."""
    allow_fallback: bool = False
    """Whether it may run on the CPU where no accelerator answers; said in status."""


class EdgeDeviceSpec(Section):
    """What Git declares of a device."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="sources-need-level2",
            cel="!has(self.sources) || self.role == 'level2'",
            message="sources are for role level2",
            check=lambda self: self.sources is None or self.role == "level2",
            field=".sources",
        ),
    )

    device_class: Name
    """Name of the device class (ConfigMap labelled edgefleet.io/config: device-classes)."""
    role: Literal["level1", "level2"] = "level1"
    """level1 judges its own sensors, level2 the telemetry of others."""
    sources: Sources | None = None
    """What a level-2 device listens to."""
    pin: Pin | None = None
    """Holds the device at one version."""
    updates_enabled: bool = True
    """Whether the device may be given another model; false keeps what it has."""
    revoked: bool = False
    """Throws the device out: its certificate is revoked and its session ended. Deleting the object does not."""
    window: Window | None = None
    """When this device may be disturbed, besides its ring's window."""
    settings: Settings | None = None
    """Thresholds and periods."""
    placement: Placement | None = None
    """Where an inference pod runs."""


class DesiredModel(Section):
    """What the device was told to run."""

    model: StatusName
    """The model."""
    model_version: StatusVersion
    """Its version."""
    digest: StatusDigest
    """SHA-256 of the artifact."""
    generation: Generation
    """Generation of the command: epoch << 32 | sequence."""
    ring: StatusName | None = None
    """The ring that assigned it; absent for a pin."""
    at: StatusTime
    """When it was commanded."""


class SelfTest(Section):
    """Golden vectors computed by the device itself after it switched."""

    passed: Count
    """Vectors within the signed tolerance."""
    total: Count
    """Vectors run."""
    max_lsb: Count
    """Largest difference, in steps of the quantized output."""


class ReportedModel(Section):
    """What the device says it runs, ordered by (enrolmentId, bootCount, seq)."""

    model: StatusName
    """The model."""
    model_version: Annotated[str, Field(max_length=64)]
    """Its version, as the device's signed manifest has it."""
    digest: StatusDigest
    """SHA-256 of the bytes in the active slot."""
    slot: Literal["a", "b"] | None = None
    """The active slot; pods have none."""
    firmware_version: FirmwareVersion
    """Version of the firmware."""
    settings: Settings | None = None
    """The settings in force."""
    arena_used_bytes: Count | None = None
    """Tensor arena in use."""
    self_test: SelfTest | None = None
    """Outcome of the golden vectors."""
    enrolment_id: ShortText
    """Changes when the board is flashed anew and enrolled again."""
    boot_count: Count
    """Boots since enrolment."""
    seq: Count
    """Reports since boot."""


class Capabilities(Section):
    """What the device can hold and run, as it reports on connecting."""

    ram_bytes: Count | None = None
    """RAM of the device."""
    slot_bytes: Count
    """Size of a model slot."""
    arena_bytes: Count
    """Size of the tensor arena."""
    ops_profile: StatusName | None = None
    """Name of the set of operators the firmware has linked in."""
    ops: Annotated[tuple[Word, ...], items(64), ListKind("atomic")] = ()
    """The operators themselves, where they have no profile."""
    accelerator: Literal["none", "edgetpu", "gpu"] = "none"
    """The accelerator that answered."""
    runtime: Literal["tflm", "litert", "edgetpu", "savedmodel"]
    """What runs the model."""


class Baseline(Section):
    """Healthy statistics of this machine, learned on request and subtracted before inference."""

    token: Annotated[str, Field(max_length=253)]
    """The commission token that asked for it."""
    windows: Count
    """Windows it was learned from."""
    features: Annotated[tuple[Number, ...], items(64), ListKind("atomic")] = ()
    """Mean of each feature, in the feature schema's order."""
    at: StatusTime
    """When it was complete."""


class LastGood(Section):
    """What the device ran well before its present command: where it returns to."""

    model: StatusName
    """The model."""
    model_version: StatusVersion
    """Its version."""
    digest: StatusDigest
    """SHA-256 of the artifact."""
    at: StatusTime
    """When it was told to run something else."""


class EdgeDeviceStatus(Section):
    """What the operator knows of a device."""

    atomic: ClassVar[bool] = True

    observed_generation: ObservedGeneration = -1
    """The generation of the spec that the conditions speak of."""
    phase: Phase | None = None
    """Where the device is, in one word."""
    ring: Annotated[str, Field(max_length=63)] | None = None
    """The ring that owns the device."""
    desired_version: Annotated[str, Field(max_length=64)] | None = None
    """Mirror of desired[0].modelVersion, for columns and field selectors."""
    reported_version: Annotated[str, Field(max_length=64)] | None = None
    """Mirror of reported[0].modelVersion, for columns and field selectors."""
    desired: Annotated[tuple[DesiredModel, ...], items(1, at_least=0), ListKind("atomic")] = ()
    """What it was told to run, one entry a model."""
    reported: Annotated[tuple[ReportedModel, ...], items(1, at_least=0), ListKind("atomic")] = ()
    """What it says it runs, one entry a model."""
    capabilities: Capabilities | None = None
    """What it can hold and run."""
    baseline: Baseline | None = None
    """Its commissioning baseline."""
    last_good: LastGood | None = None
    """What it ran well before its present command: where it returns to."""
    attempts: Count | None = None
    """Which try in a row the present command is; absent without one."""
    blocked_until: StatusTime | None = None
    """Until when it is left alone after failing three times in a row."""
    blocked_reason: Annotated[str, Field(max_length=253)] | None = None
    """Why it is left alone."""
    handled_tokens: Annotated[tuple[HandledToken, ...], items(8, at_least=0), ListKind("atomic")] = ()
    """Token annotations already acted on."""
    conditions: AtomicConditions = ()
    """Ready (accepted), Reconciling, Stalled, UpToDate, Connected, Compatible, ConflictPaused."""


class EdgeDevice(Resource):
    """A microcontroller or an inference pod. Its name is its device id, unique in the cluster."""

    definition: ClassVar[Definition] = Definition(
        kind="EdgeDevice",
        plural="edgedevices",
        singular="edgedevice",
        short_names=("ed",),
        categories=("edgefleet",),  # not in "all": a fleet would bury everything else
        columns=(
            Column("CLASS", ".spec.deviceClass"),
            Column("DESIRED", ".status.desiredVersion"),
            Column("REPORTED", ".status.reportedVersion"),
            Column("ONLINE", '.status.conditions[?(@.type=="Connected")].status'),
            Column("PHASE", ".status.phase"),
            Column("RING", ".status.ring", priority=1),
            Column("FIRMWARE", ".status.reported[0].firmwareVersion", priority=1),
            Column("BLOCKED", ".status.blockedReason", priority=1),
        ),
        selectable=(
            ".spec.deviceClass",
            ".status.ring",
            ".status.desiredVersion",
            ".status.reportedVersion",
            ".status.phase",
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="device-id",
            cel=f"self.metadata.name.matches('{formats.DEVICE_ID_PATTERN}')",
            message="the name is the device id and must be safe in topics and file names:"
            " lower-case letters, digits and '-', at most 63 characters",
            check=lambda self: len(self.metadata.name) <= formats.DEVICE_ID_MAX and "." not in self.metadata.name,
            field=".metadata.name",
        ),
    )

    api_version: Literal["edgefleet.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeDevice"] = "EdgeDevice"
    spec: EdgeDeviceSpec
    """What Git declares."""
    status: EdgeDeviceStatus = Field(default_factory=EdgeDeviceStatus)
    """What the operator knows; written through the status subresource only."""
