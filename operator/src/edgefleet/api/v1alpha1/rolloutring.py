"""RolloutRing: which devices get which version, how fast, and what must be true before the next ring follows.

`status` never lists devices: one object would not hold a fleet.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.api.labels import LabelKey, Selector
from edgefleet.api.meta import (
    API_VERSION,
    Column,
    Definition,
    HandledTokens,
    MergedConditions,
    Resource,
)
from edgefleet.api.rules import Rule, exactly_one, named_at_most
from edgefleet.api.scalars import (
    Count,
    Generation,
    ModelName,
    Name,
    ObservedGeneration,
    Share,
    StatusDigest,
    StatusName,
    StatusTime,
    StatusVersion,
    Version,
    VersionRange,
    Word,
)
from edgefleet.api.structure import ListKind, Section, items
from edgefleet.api.v1alpha1.strategy import AbortWhen, Deadlines, PromoteWhen, Shadow, Strategy
from edgefleet.api.windows import Window

Step = Literal["Pending", "Rolling", "Soaking", "Gating", "Proved", "Aborted", "RollingBack", "Suspended"]


class RolloutRingSpec(Section):
    """What Git declares of a ring."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("one-source", "modelVersion", "track", "after"),)

    model: ModelName
    """The model that the ring rolls out."""
    model_version: Version | None = None
    """Exactly this version."""
    track: VersionRange | None = None
    """The highest verified version in this range that is not quarantined."""
    after: Annotated[tuple[Name, ...], items(8), ListKind("set")] = ()
    """What all of these rings have proved; the one whose last proof is newest counts."""
    selector: Selector
    """The ring's devices, in the ring's namespace."""
    limit: Share | None = None
    """At most so many of them, chosen by a stable hash: who joins displaces nobody."""
    stratify_by: Annotated[tuple[LabelKey, ...], items(4), ListKind("set")] = ()
    """Labels whose values a limited ring covers in proportion; site and hardware-revision when absent."""
    strategy: Strategy | None = None
    """How the ring moves."""
    promote_when: PromoteWhen | None = None
    """What must be true before the ring counts as proved."""
    abort_when: Annotated[tuple[AbortWhen, ...], items(4), ListKind("map", ("type",))] = ()
    """When to stop at once."""
    deadlines: Deadlines | None = None
    """Separate clocks for the stages of an update."""
    offline_policy: Literal["exclude", "count", "wait"] = "exclude"
    """Offline devices: left out of the judgement, counted as not updated, or waited for."""
    on_empty: Literal["hold", "skip"] = "hold"
    """A ring without a device that could be judged holds the chain, or lets it pass."""
    on_abort: Literal["rollback", "hold"] = "rollback"
    """After an abort, devices go back to what they last ran well, or stay."""
    approval: Literal["none", "required"] = "none"
    """Whether each round waits for the annotation edgefleet.io/approve."""
    shadow: Shadow | None = None
    """Compares the candidate beside the version in force first."""
    suspend: bool = False
    """Starts nothing new; what has begun is finished."""
    window: Window | None = None
    """When devices may be commanded."""


class Target(Section):
    """A version and the digest that stands for it."""

    version: StatusVersion
    """The version."""
    digest: StatusDigest
    """SHA-256 over the version's artifact digests."""


class RingCounts(Section):
    """Devices of the ring by where they are; each is counted once, and `total` is their sum."""

    total: Count = 0
    """Devices of the ring."""
    updated: Count = 0
    """Report the target."""
    held: Count = 0
    """Wait for a slot, a budget, a rate, a window or a gate."""
    commanded: Count = 0
    """Told, not yet acknowledged."""
    in_progress: Count = 0
    """At it."""
    failed: Count = 0
    """Failed, timed out included."""
    rejected: Count = 0
    """Cannot take it: does not fit, wrong class."""
    rolled_back: Count = 0
    """Went back."""
    deferred: Count = 0
    """Asked for later."""
    offline: Count = 0
    """Not connected and not updated."""
    excluded: Count = 0
    """Left alone: revoked, pinned, updates disabled, blocked, or never moved."""
    conflict: Count = 0
    """Paused: they report a generation that nobody recorded."""


class Plan(Section):
    """What the round has to do, as it was when the round began."""

    members: Count
    """Devices it has to change."""
    bytes_on_air: Generation
    """Bytes they download."""
    expected_seconds: Count | None = None
    """How long it should take."""


class Decision(Section):
    """The last decision and what it stood on."""

    verb: Literal["Start", "Hold", "Promote", "Abort", "RollBack", "Suspend", "Resume"]
    """What was decided."""
    reason: Word
    """Why, as one CamelCase word."""
    evidence: Annotated[str, Field(max_length=1024)]
    """The figures behind it."""
    at: StatusTime
    """When."""


class Abort(Section):
    """Why the round was stopped, and what that stood on. Absent while it was not."""

    at: StatusTime
    """When."""
    generation: Generation
    """Of the spec that was in force: another one starts the ring again."""
    reason: Word
    """Why, as one CamelCase word."""
    evidence: Annotated[str, Field(max_length=1024)]
    """The figures behind it."""
    failed: Count = 0
    """Devices that had failed."""
    judged: Count = 0
    """Devices whose outcome was known."""
    reasons: Annotated[tuple[Word, ...], items(10, at_least=0), ListKind("atomic")] = ()
    """What the failed ones said, most frequent first."""
    blames: bool = False
    """Whether that speaks against the version, so that it is quarantined."""


class Failure(Section):
    """One failing device, as an example."""

    device: StatusName
    """The device."""
    reason: Word
    """Its reason."""
    message: Annotated[str, Field(max_length=253)] | None = None
    """What it said."""


class Proof(Section):
    """A digest this ring has proved."""

    digest: StatusDigest
    """The target's digest."""
    version: StatusVersion
    """The target's version."""
    round: Count
    """The round that proved it."""
    at: StatusTime
    """When."""


class Rollout(Section):
    """A past round."""

    round: Count
    """Its number."""
    version: StatusVersion
    """Its target."""
    outcome: Literal["Proved", "Aborted", "RolledBack", "Superseded"]
    """How it ended."""
    started_at: StatusTime
    """When it began."""
    finished_at: StatusTime
    """When it ended."""
    updated: Count
    """Devices that took it."""
    failed: Count
    """Devices that failed."""


class RolloutRingStatus(Section):
    """Where the ring is and why."""

    observed_generation: ObservedGeneration = -1
    """The generation of the spec that the conditions speak of."""
    step: Step | None = None
    """Where the round is."""
    since: StatusTime | None = None
    """Since when it is there."""
    round: Count | None = None
    """Number of the round; rises with each change of target."""
    started_at: StatusTime | None = None
    """When the round began."""
    rolling_since: StatusTime | None = None
    """When it was last let go; its deadline does not run before."""
    epoch: Generation | None = None
    """Epoch of the leader that last wrote; the upper half of every command's generation."""
    target: Target | None = None
    """What the ring moves to."""
    stable: Target | None = None
    """What it last proved: where a rollback leads."""
    counts: RingCounts | None = None
    """Devices by where they are."""
    plan: Plan | None = None
    """What the round has to do, as it was when the round began."""
    decision: Decision | None = None
    """The last decision and what it stood on."""
    aborted: Abort | None = None
    """Why the round was stopped; absent while it was not."""
    waiting_for: Annotated[str, Field(max_length=512)] | None = None
    """What the ring waits for, as one sentence."""
    top_failures: Annotated[tuple[Failure, ...], items(10, at_least=0), ListKind("atomic")] = ()
    """Examples of failing devices."""
    proven: Annotated[tuple[Proof, ...], items(10, at_least=0), ListKind("atomic")] = ()
    """What the ring has proved, newest first."""
    history: Annotated[tuple[Rollout, ...], items(5, at_least=0), ListKind("atomic")] = ()
    """The last rounds, newest first."""
    handled_tokens: HandledTokens = ()
    """Token annotations already acted on."""
    conditions: MergedConditions = ()
    """Ready (proved), Reconciling, Stalled."""


class RolloutRing(Resource):
    """A step of a staged rollout: `kubectl get rollouts` answers where it is and why it isn't moving."""

    definition: ClassVar[Definition] = Definition(
        kind="RolloutRing",
        plural="rolloutrings",
        singular="rolloutring",
        short_names=("rollouts", "ring"),
        categories=("all", "edgefleet"),
        columns=(
            Column("TARGET", ".status.target.version"),
            Column("STEP", ".status.step"),
            Column("UPDATED", ".status.counts.updated", "integer"),
            Column("TOTAL", ".status.counts.total", "integer"),
            Column("FAILED", ".status.counts.failed", "integer"),
            Column("WAITING-FOR", ".status.waitingFor"),
            Column("MODEL", ".spec.model", priority=1),
            Column("READY", '.status.conditions[?(@.type=="Ready")].status', priority=1),
        ),
        selectable=(".spec.model", ".status.step"),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        named_at_most(63),
        Rule(
            id="not-after-itself",
            cel="!has(self.spec.after) || !(self.metadata.name in self.spec.after)",
            message="a ring cannot follow itself",
            check=lambda self: self.metadata.name not in self.spec.after,
            field=".spec.after",
        ),
        Rule(
            id="not-its-own-control",
            cel="!has(self.spec.promoteWhen) || !has(self.spec.promoteWhen.metrics)"
            " || !self.spec.promoteWhen.metrics.exists(gate, has(gate.control) && gate.control == self.metadata.name)",
            message="a ring cannot be its own control",
            check=lambda self: (
                self.spec.promote_when is None
                or all(gate.control != self.metadata.name for gate in self.spec.promote_when.metrics)
            ),
            field=".spec.promoteWhen",
        ),
    )

    api_version: Literal["edgefleet.io/v1alpha1"] = API_VERSION
    kind: Literal["RolloutRing"] = "RolloutRing"
    spec: RolloutRingSpec
    """What Git declares."""
    status: RolloutRingStatus = Field(default_factory=RolloutRingStatus)
    """Where the ring is; written through the status subresource only."""
