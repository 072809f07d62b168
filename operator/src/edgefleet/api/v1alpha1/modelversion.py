"""ModelVersion: one immutable version of one model, with a signed artifact for each device class."""

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
from edgefleet.api.rules import Rule, TransitionRule, matches
from edgefleet.api.scalars import (
    Bytes,
    Count,
    ModelName,
    Name,
    Number,
    ObservedGeneration,
    PositiveCount,
    Sha256,
    ShortText,
    StatusDigest,
    StatusName,
    StatusTime,
    Text,
    Version,
    Word,
    ZeroPoint,
)
from edgefleet.api.structure import ListKind, Section, is_same, items

_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


class Tensor(Section):
    """One input or output of the model, quantization included."""

    name: Word
    """Name of the tensor."""
    shape: Annotated[tuple[PositiveCount, ...], items(4), ListKind("atomic")]
    """Its dimensions; the first is the batch, always 1 on a device."""
    dtype: Literal["int8", "uint8", "int16", "int32", "float32"]
    """Type of an element."""
    scale: Number | None = None
    """real = scale * (quantized - zeroPoint); absent for float32."""
    zero_point: ZeroPoint | None = None
    """The quantized value of zero."""


class FeatureSchema(Section):
    """Which features the model reads: the extractor's, by name and digest."""

    name: Word
    """Name of the feature schema, such as motor-level1."""
    digest: Sha256
    """SHA-256 of its definition: a model and a device with different ones do not fit."""


class Contract(Section):
    """The input and output that every artifact of the version shares."""

    inputs: Annotated[tuple[Tensor, ...], items(4), ListKind("map", ("name",))]
    """What the model reads."""
    outputs: Annotated[tuple[Tensor, ...], items(4), ListKind("map", ("name",))]
    """What it answers."""
    feature_schema: FeatureSchema | None = None
    """The features behind the inputs."""


class Metric(Section):
    """A figure measured before release."""

    name: Word
    """Such as aucInt8."""
    value: Number
    """Its value."""
    dataset: ShortText | None = None
    """What it was measured on."""


class Lineage(Section):
    """Where the version comes from."""

    training_run: Name | None = None
    """The TrainingRun that made it; absent when published by hand."""
    round: Count | None = None
    """Its round."""
    dataset_digest: Sha256 | None = None
    """SHA-256 of the training data."""
    commit: (
        Annotated[
            str,
            Field(max_length=64),
            matches(r"^[a-f0-9]{40}([a-f0-9]{24})?$", "must be a full Git commit id", "git-commit"),
        ]
        | None
    ) = None
    """Commit of the training code."""


class Signature(Section):
    """One signature of an envelope."""

    keyid: Annotated[
        str,
        Field(max_length=16),
        matches(r"^[a-f0-9]{16}$", "must be a key id: 16 lower-case hexadecimal digits", "key-id"),
    ]
    """Which key signed; a hint only."""
    sig: Annotated[
        str,
        Field(max_length=88),
        matches(r"^[A-Za-z0-9+/]{86}==$", "must be 64 bytes (r and s) in base64", "raw-signature"),
    ]
    """ECDSA P-256 over the envelope's pre-authentication encoding, r and s, base64."""


class Envelope(Section):
    """A DSSE envelope whose payload is the artifact's signed manifest."""

    payload_type: Literal["application/vnd.edgefleet.manifest.v1+json"]
    """Media type of the payload; part of what is signed."""
    payload: Annotated[
        str, Field(min_length=4, max_length=10924), matches(_BASE64, "must be base64 with padding", "base64")
    ]
    """The manifest, base64."""
    signatures: Annotated[tuple[Signature, ...], items(4), ListKind("map", ("keyid",))]
    """Its signatures; one by a trusted release key is enough."""


class Artifact(Section):
    """The file for one device class."""

    device_class: Name
    """The device class it is for."""
    format: Literal["tflite", "edgetpu", "savedmodel"]
    """Format of the file."""
    sha256: Sha256
    """SHA-256 of the file: its identity."""
    size_bytes: Bytes
    """Size of the file."""
    uri: (
        Annotated[
            str,
            Field(max_length=512),
            matches(
                r"^(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*"
                r"|oci://[a-z0-9.-]+(:[0-9]{1,5})?/[a-z0-9._/-]+@sha256:[a-f0-9]{64})$",
                "must be an https:// address or oci://repository@sha256:digest",
                "artifact-uri",
            ),
        ]
        | None
    ) = None
    """Where the fleet's registry fetches it from; absent when the registry has it already."""
    envelope: Envelope | None = None
    """The signed manifest; without it the version is Stalled/Unsigned."""


class ModelVersionSpec(Section):
    """What Git declares of a version; never changes."""

    transitions: ClassVar[tuple[TransitionRule, ...]] = (
        TransitionRule(
            id="immutable",
            cel="self == oldSelf",
            message="a model version never changes: publish the next one",
            check=is_same,
        ),
    )

    model: ModelName
    """The model; level 1 and level 2 are two models."""
    version: Version
    """Its version."""
    contract: Contract
    """What goes in and comes out, the same for every class."""
    metrics: Annotated[tuple[Metric, ...], items(32), ListKind("map", ("name",))] = ()
    """What was measured before release."""
    lineage: Lineage | None = None
    """Where it comes from."""
    artifacts: Annotated[tuple[Artifact, ...], items(8), ListKind("map", ("deviceClass",))]
    """One file a device class."""


class Verdict(Section):
    """What preflight and signature checks say of one artifact."""

    device_class: StatusName
    """The class."""
    verdict: Literal["Pending", "Passed", "Refused"]
    """The outcome."""
    reason: Word | None = None
    """Why it was refused, such as ArenaTooSmall."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """Why, with numbers."""
    class_hash: StatusDigest | None = None
    """Content hash of the device class that the verdict was made for."""
    arena_bytes: Count | None = None
    """Smallest arena that allocates."""
    at: StatusTime | None = None
    """When it was made."""


class Deployed(Section):
    """How many devices have the version."""

    assigned: Count = 0
    """Told to run it."""
    running: Count = 0
    """Report it."""
    failed: Count = 0
    """Failed at it."""


class Quarantine(Section):
    """Why nobody is given this version any more; outranks Git until a token lifts it."""

    since: StatusTime
    """When it began."""
    ring: StatusName
    """The ring whose evidence it was."""
    round: Count
    """The ring's round."""
    failed: Count
    """Devices that failed."""
    judged: Count
    """Devices judged."""
    reasons: Annotated[tuple[Word, ...], items(10, at_least=0), ListKind("atomic")] = ()
    """Their reasons, most frequent first."""
    message: Text
    """The evidence as a sentence."""


class ModelVersionStatus(Section):
    """What the operator knows of a version."""

    observed_generation: ObservedGeneration = -1
    """The generation of the spec that the conditions speak of."""
    verified: bool | None = None
    """Whether every artifact is signed, matches its manifest and passed preflight."""
    verdicts: Annotated[tuple[Verdict, ...], items(8, at_least=0), ListKind("map", ("deviceClass",))] = ()
    """One a device class."""
    deployed: Deployed | None = None
    """Counts of devices."""
    quarantine: Quarantine | None = None
    """Present while quarantined."""
    used_by: Annotated[tuple[ShortText, ...], items(10, at_least=0), ListKind("atomic")] = ()
    """Rings and pins that hold on to it while it is being deleted."""
    handled_tokens: HandledTokens = ()
    """Token annotations already acted on."""
    conditions: MergedConditions = ()
    """Ready, Reconciling, Stalled, Verified, Quarantined."""


class ModelVersion(Resource):
    """An immutable version of a model. Its name is `<model>-<version>`, so a version exists once."""

    definition: ClassVar[Definition] = Definition(
        kind="ModelVersion",
        plural="modelversions",
        singular="modelversion",
        short_names=("mv",),
        categories=("all", "edgefleet"),
        columns=(
            Column("MODEL", ".spec.model"),
            Column("VERSION", ".spec.version"),
            Column("VERIFIED", '.status.conditions[?(@.type=="Verified")].status'),
            Column("DEPLOYED", ".status.deployed.running", "integer"),
            Column("QUARANTINED", '.status.conditions[?(@.type=="Quarantined")].status'),
            Column("STATUS", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        ),
        selectable=(".spec.model", ".spec.version"),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="name-is-model-and-version",
            cel="self.metadata.name == self.spec.model + '-' + self.spec.version",
            message="the name must be the model, '-' and the version, so that a version exists only once",
            check=lambda self: self.metadata.name == f"{self.spec.model}-{self.spec.version}",
            field=".metadata.name",
        ),
    )

    api_version: Literal["edgefleet.io/v1alpha1"] = API_VERSION
    kind: Literal["ModelVersion"] = "ModelVersion"
    spec: ModelVersionSpec
    """What Git declares."""
    status: ModelVersionStatus = Field(default_factory=ModelVersionStatus)
    """What the operator knows; written through the status subresource only."""
