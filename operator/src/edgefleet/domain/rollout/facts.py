"""What the planner knows: rings, versions and devices of one namespace, as plain values. Must not know Kubernetes.

Times are POSIX seconds. Everything is frozen; the controllers map objects to facts, the planner only reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from edgefleet.domain.device.compatibility import Abilities, Needs
from edgefleet.domain.device.selectors import Selector
from edgefleet.domain.rollout.bucket import Bucket
from edgefleet.domain.rollout.transitions import Step
from edgefleet.domain.rollout.windows import Window

Share = int | float
"""A number of devices (int), or a fraction of them (float, above 0 to 1)."""


Outcome = Literal["Proved", "Aborted", "RolledBack", "Superseded"]
"""How a round ended."""


class Progress(StrEnum):
    """What a device last said of the command that it observed."""

    NONE = "None"
    WORKING = "Working"
    DONE = "Done"
    FAILED = "Failed"
    REJECTED = "Rejected"
    ROLLED_BACK = "RolledBack"
    DEFERRED = "Deferred"


@dataclass(frozen=True, slots=True)
class Artifact:
    """The file of a version for one device class."""

    digest: str
    manifest_digest: str
    manifest_bytes: int
    """Size of the manifest's envelope."""
    needs: Needs = field(default_factory=Needs)
    """What a device must have, its size in bytes included."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why nobody is given a version any more, and whose evidence it was."""

    ring: str
    round: int
    at: float
    failed: int
    judged: int
    reasons: tuple[str, ...] = ()
    """Most frequent first."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A declared version of a model."""

    model: str
    version: str
    digest: str
    """Of the version as a whole: see `targets.digest_version`."""
    artifacts: Mapping[str, Artifact]
    """By device class."""
    verified: bool
    problem: str = ""
    """Why it is not verified, for a person."""
    quarantine: Quarantine | None = None
    lifted_at: float = 0.0
    """When a person last took it out of quarantine; 0 if never."""


@dataclass(frozen=True, slots=True)
class Target:
    """A version that a ring moves to."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A target that a ring has proved."""

    digest: str
    version: str
    round: int
    at: float


@dataclass(frozen=True, slots=True)
class PastRound:
    """How a round ended."""

    round: int
    version: str
    outcome: Outcome
    started_at: float
    finished_at: float
    updated: int
    failed: int


@dataclass(frozen=True, slots=True)
class HandledToken:
    """A token annotation that was acted on."""

    name: str
    value: str
    at: float


@dataclass(frozen=True, slots=True)
class Abort:
    """Why a round was stopped, and what it stood on."""

    at: float
    generation: int
    """Of the ring's spec: another one starts the ring again."""
    reason: str
    evidence: str
    failed: int = 0
    judged: int = 0
    reasons: tuple[str, ...] = ()
    """What the failed devices said, most frequent first."""
    blames: bool = False
    """Whether the evidence speaks against the version, so that it is quarantined."""


@dataclass(frozen=True, slots=True)
class RingState:
    """What a ring remembers between two passes; everything else is derived."""

    step: Step = Step.PENDING
    since: float = 0.0
    round: int = 0
    started_at: float = 0.0
    rolling_since: float = 0.0
    """When the round was last let go: its deadline does not run while it is pending or suspended."""
    target: Target | None = None
    stable: Target | None = None
    proven: tuple[Proof, ...] = ()
    """Newest first."""
    history: tuple[PastRound, ...] = ()
    """Newest first."""
    tokens: tuple[HandledToken, ...] = ()
    abort: Abort | None = None
    """Of this round."""


@dataclass(frozen=True, slots=True)
class AbortRule:
    """When to stop: a share of failures above `percent`."""

    type: Literal["Failed", "TimedOut", "RolledBack", "Any"]
    percent: int
    min_sample: int = 1


@dataclass(frozen=True, slots=True)
class MetricGate:
    """A bound on a figure, absolute or relative to a control ring's."""

    metric: str
    max: float | None = None
    max_ratio: float | None = None
    control: str | None = None


@dataclass(frozen=True, slots=True)
class ShadowRule:
    """The candidate must agree with the version in force on so many windows before anything moves."""

    min_windows: int
    max_disagreement_percent: int


@dataclass(frozen=True, slots=True)
class ShadowFigures:
    """What a candidate has scored beside the version in force."""

    windows: int
    disagreements: int


STRATA: Final = ("site", "hardware-revision")
"""Labels whose values a limited ring covers evenly, unless it names others."""


@dataclass(frozen=True, slots=True)
class RingFacts:
    """A declared ring and what it remembers."""

    name: str
    model: str
    generation: int
    selector: Selector
    pin: str | None = None
    track: str | None = None
    after: tuple[str, ...] = ()
    limit: Share | None = None
    stratify_by: tuple[str, ...] = STRATA
    max_concurrency: Share | None = None
    rate_per_minute: int | None = None
    budget_label: str | None = None
    budget: Share | None = None
    budget_counts_offline: bool = True
    success_percent: int = 100
    min_sample: int = 1
    soak: float = 0.0
    metrics: tuple[MetricGate, ...] = ()
    shadow: ShadowRule | None = None
    abort_when: tuple[AbortRule, ...] = ()
    ack_deadline: float = 600.0
    """From command to acknowledgement, while the device is online."""
    progress_deadline: float = 1800.0
    """Between two signs of progress."""
    ring_deadline: float | None = None
    offline_policy: Literal["exclude", "count", "wait"] = "exclude"
    on_empty: Literal["hold", "skip"] = "hold"
    on_abort: Literal["rollback", "hold"] = "rollback"
    needs_approval: bool = False
    suspend: bool = False
    window: Window | None = None
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    """Token annotations by name: approve, retry, resume."""
    state: RingState = field(default_factory=RingState)


@dataclass(frozen=True, slots=True)
class Command:
    """What a device was last told to run."""

    model: str
    version: str
    digest: str
    generation: int
    at: float
    ring: str | None = None
    attempt: int = 1
    """Counts on while the commands before it failed too."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a device says."""

    digest: str | None
    """Of the artifact in its active slot; None without a model."""
    generation: int
    """The last command it observed."""
    progress: Progress
    reason: str = ""
    message: str = ""
    changed_at: float = 0.0
    """When this was first heard."""
    self_test_passed: bool | None = None
    """Whether every golden vector was within its tolerance; None where none was run."""
    latency_us: int | None = None
    """Median time of one inference."""
    previous: str | None = None
    """Digest of the artifact in its other slot: it can go back to that without a download."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Holds a device at a version, whatever its ring does."""

    version: str
    model: str | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A declared device, what it was told and what it says."""

    name: str
    device_class: str
    labels: Mapping[str, str]
    ring: str | None = None
    """The ring that owned it in the last pass."""
    class_known: bool = True
    abilities: Abilities | None = None
    online: bool = False
    presence_since: float = 0.0
    """Since when it is on- or offline."""
    updates_enabled: bool = True
    revoked: bool = False
    pin: Pin | None = None
    window: Window | None = None
    command: Command | None = None
    report: Report | None = None
    last_good: str | None = None
    """Digest of the artifact that it ran well before the present command: where it returns to."""
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    """Token annotations by name that nobody has acted on yet: resume, retry."""


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """Everything in one namespace."""

    rings: tuple[RingFacts, ...]
    versions: tuple[VersionFacts, ...]
    devices: tuple[DeviceFacts, ...]
    connected: bool = True
    """Whether commands can be sent and what devices say is complete: false holds every ring."""
    rate_per_minute: int | None = None
    """Bounds every command of the namespace, whichever path it takes."""
    buckets: Mapping[str, Bucket] = field(default_factory=dict[str, Bucket])
    """What the last plan left in each bucket: by ring, and under the empty name for the namespace."""
    figures: Mapping[tuple[str, str, str], float] = field(default_factory=dict[tuple[str, str, str], float])
    """The drift monitor's figures by (ring, target digest, metric)."""
    shadows: Mapping[tuple[str, str], ShadowFigures] = field(default_factory=dict[tuple[str, str], ShadowFigures])
    """What candidates scored in the shadow, by (ring, target digest)."""
