"""TrainingRun: a standing pipeline that turns field data into a gated, signed version, round after round."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.api.meta import (
    API_VERSION,
    Column,
    Definition,
    HandledTokens,
    MergedConditions,
    Resource,
)
from edgefleet.api.rules import Rule, at_least_one, exactly_one, matches, named_at_most
from edgefleet.api.scalars import (
    Count,
    Duration,
    FreeForm,
    ModelName,
    Name,
    Number,
    ObjectName,
    ObservedGeneration,
    ShortText,
    StatusDigest,
    StatusName,
    StatusTime,
    StatusVersion,
    Word,
)
from edgefleet.api.structure import ListKind, Section, items
from edgefleet.api.v1alpha1.stages import Stages
from edgefleet.api.windows import TimeZone

StageName = Literal["data", "train", "preflight", "release"]


class Pipeline(Section):
    """What is trained, and how."""

    family: Name
    """The plug-in that trains, such as motor-anomaly."""
    hyperparameters: FreeForm | None = None
    """Given to the family, which checks them."""
    device_classes: Annotated[tuple[Name, ...], items(8), ListKind("set")]
    """The device classes that an artifact is made for."""


class Dataset(Section):
    """Which rows a round trains on."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("window-or-all", "window", "all"),
        Rule(
            id="all-is-true",
            cel="!has(self.all) || self.all",
            message="all is either true or absent",
            check=lambda self: self.all is not False,
            field=".all",
        ),
    )

    window: Duration | None = None
    """The rows of this long before the round."""
    all: bool | None = None
    """Every row."""
    min_new_rows: Count = 0
    """Rows that must have come since the last round."""
    labels: Literal["required", "optional", "none"] = "optional"
    """Whether the rows need labels; without any only healthy-only families train."""


_CRON_FIELD = r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?(,(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?)*"


class Trigger(Section):
    """What starts a round. One round is in flight at a time."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="schedule-with-type",
            cel="(self.type == 'schedule') == has(self.schedule)",
            message="schedule goes with type schedule",
            check=lambda self: (self.type == "schedule") == (self.schedule is not None),
            field=".schedule",
        ),
        Rule(
            id="accuracy-with-type",
            cel="(self.type == 'onAccuracy') == has(self.minAccuracy)",
            message="minAccuracy goes with type onAccuracy",
            check=lambda self: (self.type == "onAccuracy") == (self.min_accuracy is not None),
            field=".minAccuracy",
        ),
        Rule(
            id="time-zone-with-schedule",
            cel="!has(self.timeZone) || has(self.schedule)",
            message="timeZone is for schedules",
            check=lambda self: self.time_zone is None or self.schedule is not None,
            field=".timeZone",
        ),
    )

    type: Literal["once", "onData", "onDrift", "onAccuracy", "schedule"]
    """What starts a round."""
    cooldown: Duration | None = None
    """Least time between two rounds."""
    schedule: (
        Annotated[
            str,
            Field(max_length=64),
            matches(
                rf"^{_CRON_FIELD}( {_CRON_FIELD}){{4}}$",
                "must be a cron schedule of five fields such as '0 3 * * 1'",
                "cron",
            ),
        ]
        | None
    ) = None
    """Five cron fields: minute, hour, day of month, month, day of week."""
    time_zone: TimeZone | None = None
    """The zone in which the schedule is read; UTC when absent."""
    min_accuracy: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Live accuracy below which a round starts."""


class Drift(Section):
    """When the field counts as having moved away from the training data."""

    metric: Literal["ks", "psi", "wasserstein", "reconstructionError"]
    """The statistic."""
    threshold: Annotated[Number, Field(gt=0)]
    """Value above which it counts as drift."""
    reference: Literal["training", "firstRound"] = "training"
    """What the field is compared with: the data of the version in the field, or of round one."""


class QualityGate(Section):
    """A bound that the new version must meet before it is released."""

    rules: ClassVar[tuple[Rule, ...]] = (
        at_least_one("quality-needs-a-bound", "min", "max"),
        Rule(
            id="quality-min-below-max",
            cel="!has(self.min) || !has(self.max) || self.min <= self.max",
            message="min must not be above max",
            check=lambda self: self.min is None or self.max is None or self.min <= self.max,
        ),
    )

    metric: Word
    """A figure that the family reports, such as aucInt8."""
    min: Number | None = None
    """Smallest value that passes."""
    max: Number | None = None
    """Largest value that passes."""


class GitTarget(Section):
    """The repository that a new version is committed to."""

    repository: Annotated[
        str,
        Field(max_length=512),
        matches(
            r"^(https|ssh)://[A-Za-z0-9@.:_-]+/[!-~]+$",
            "must be an https:// or ssh:// address of a repository",
            "git-address",
        ),
    ]
    """Address of the repository."""
    branch: Annotated[
        str,
        Field(min_length=1, max_length=128),
        matches(r"^[A-Za-z0-9_][A-Za-z0-9_/-]*(\.[A-Za-z0-9_/-]+)*$", "must be the name of a Git branch", "git-branch"),
    ] = "main"
    """Branch to commit to."""
    path: Annotated[
        str,
        Field(min_length=1, max_length=253),
        matches(
            r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$",
            "must be a folder in the repository, without leading '/' and without '..'",
            "repository-path",
        ),
    ] = "models"
    """Folder of the model versions."""
    mode: Literal["push", "branch"] = "push"
    """Pushes to the branch, or to a branch of its own for a pull request."""
    secret: ObjectName | None = None
    """Secret with the deploy key."""


class ClusterTarget(Section):
    """Creates the version in the cluster, for fleets that are not kept in Git."""

    namespace: Name | None = None
    """Where to; the run's own namespace when absent."""


class Publish(Section):
    """Where a released version goes."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("git-or-cluster", "git", "cluster"),)

    git: GitTarget | None = None
    """Committed to Git, which is what the mission is about."""
    cluster: ClusterTarget | None = None
    """Created in the cluster."""


class TrainingRunSpec(Section):
    """What Git declares of a pipeline."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="drift-trigger-needs-drift",
            cel="self.trigger.type != 'onDrift' || has(self.drift)",
            message="trigger onDrift needs drift",
            check=lambda self: self.trigger.type != "onDrift" or self.drift is not None,
            field=".drift",
        ),
    )

    model: ModelName
    """The model that the pipeline makes versions of."""
    pipeline: Pipeline
    """What is trained, and how."""
    dataset: Dataset
    """Which rows a round trains on."""
    trigger: Trigger
    """What starts a round."""
    drift: Drift | None = None
    """When the field counts as having drifted."""
    gates: Annotated[tuple[QualityGate, ...], items(16), ListKind("map", ("metric",))] = ()
    """What a new version must meet, besides not being worse than the one in the field."""
    stages: Stages | None = None
    """Resources and placement of each stage."""
    publish: Publish
    """Where a released version goes."""
    deadline: Duration | None = None
    """How long a round may take."""
    ttl: Duration | None = None
    """How long finished Jobs are kept."""
    suspend: bool = False
    """Starts no further round."""


class Progress(Section):
    """How far training is."""

    epoch: Count
    """Epochs done."""
    epochs: Count
    """Epochs in all."""
    loss: Number | None = None
    """Loss of the last one."""


class StageStatus(Section):
    """Where a stage is."""

    name: StageName
    """The stage."""
    state: Literal["Pending", "Running", "Succeeded", "Failed", "Skipped"]
    """Where it is."""
    job: StatusName | None = None
    """Its Job: `<run>-<round>-<stage>`."""
    started_at: StatusTime | None = None
    """When it began."""
    finished_at: StatusTime | None = None
    """When it ended."""
    attempts: Count = 0
    """How often it was tried."""
    progress: Progress | None = None
    """How far it is."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """What it last said."""


class DriftStatus(Section):
    """The last measurement of drift."""

    metric: Word
    """The statistic."""
    value: Number
    """Its value."""
    threshold: Number
    """What it was compared with."""
    feature: Word | None = None
    """The feature that moved most."""
    at: StatusTime
    """When it was measured."""


class Measured(Section):
    """A figure of the round."""

    name: Word
    """Such as aucInt8."""
    value: Number
    """Its value."""


class Produced(Section):
    """The version that a round made."""

    name: StatusName
    """Name of the ModelVersion."""
    version: StatusVersion
    """Its version."""
    digest: StatusDigest
    """SHA-256 over its artifact digests."""
    commit: Annotated[str, Field(max_length=64)] | None = None
    """The commit that brought it to Git."""


class Round(Section):
    """A past round."""

    round: Count
    """Its number."""
    trigger: Word
    """What started it."""
    outcome: Literal["Released", "NoDrift", "GateFailed", "Failed", "Cancelled"]
    """How it ended."""
    version: StatusVersion | None = None
    """What it made."""
    started_at: StatusTime
    """When it began."""
    duration_seconds: Count
    """How long it took."""


class TrainingRunStatus(Section):
    """Where the pipeline is."""

    observed_generation: ObservedGeneration = -1
    """The generation of the spec that the conditions speak of."""
    round: Count | None = None
    """Number of the current or last round."""
    stage: Annotated[str, Field(max_length=32)] | None = None
    """The stage it is in; Armed between rounds."""
    trigger: Word | None = None
    """What started the round."""
    stages: Annotated[tuple[StageStatus, ...], items(4, at_least=0), ListKind("map", ("name",))] = ()
    """The stages of the round."""
    drift: DriftStatus | None = None
    """The last measurement of drift."""
    metrics: Annotated[tuple[Measured, ...], items(32, at_least=0), ListKind("map", ("name",))] = ()
    """Figures of the round."""
    produced: Produced | None = None
    """The last version it made."""
    started_at: StatusTime | None = None
    """When the round began."""
    duration_seconds: Count | None = None
    """How long the last round took."""
    data_cursor: ShortText | None = None
    """How far the datastore has been read."""
    history: Annotated[tuple[Round, ...], items(5, at_least=0), ListKind("atomic")] = ()
    """The last rounds, newest first."""
    handled_tokens: HandledTokens = ()
    """Token annotations already acted on."""
    conditions: MergedConditions = ()
    """Ready (armed or complete), Reconciling, Stalled."""


class TrainingRun(Resource):
    """A standing training pipeline."""

    definition: ClassVar[Definition] = Definition(
        kind="TrainingRun",
        plural="trainingruns",
        singular="trainingrun",
        short_names=("tr",),
        categories=("all", "edgefleet"),
        columns=(
            Column("MODEL", ".spec.model"),
            Column("ROUND", ".status.round", "integer"),
            Column("STAGE", ".status.stage"),
            Column("DRIFT", ".status.drift.value", "number"),
            Column("PRODUCED", ".status.produced.version"),
            Column("DURATION", ".status.durationSeconds", "integer", "Seconds that the last round took."),
            Column("STATUS", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        ),
        selectable=(".spec.model", ".status.stage"),
    )
    rules: ClassVar[tuple[Rule, ...]] = (named_at_most(40),)

    api_version: Literal["edgefleet.io/v1alpha1"] = API_VERSION
    kind: Literal["TrainingRun"] = "TrainingRun"
    spec: TrainingRunSpec
    """What Git declares."""
    status: TrainingRunStatus = Field(default_factory=TrainingRunStatus)
    """Where the pipeline is; written through the status subresource only."""
