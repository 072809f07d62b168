"""What the planner knows: rings, versions and devices of one namespace, as plain values. Must not know Kubernetes.

Times are POSIX seconds. Everything is frozen; the controllers map objects to facts, the planner only reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from edgefleet.domain.device.selectors import Selector
from edgefleet.domain.rollout.windows import Window

Share = int | float
"""A number of devices (int), or a fraction of them (float, above 0 to 1)."""


Outcome = Literal["Proved", "Aborted", "RolledBack", "Superseded"]
"""How a round ended."""


class Step(StrEnum):
    """Where a round is."""

    PENDING = "Pending"
    ROLLING = "Rolling"
    SOAKING = "Soaking"
    PROVED = "Proved"
    ABORTED = "Aborted"
    ROLLING_BACK = "RollingBack"
    SUSPENDED = "Suspended"


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
    quarantined: bool = False


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
class RingState:
    """What a ring remembers between two passes; everything else is derived."""

    step: Step = Step.PENDING
    since: float = 0.0
    round: int = 0
    started_at: float = 0.0
    target: Target | None = None
    stable: Target | None = None
    proven: tuple[Proof, ...] = ()
    """Newest first."""
    history: tuple[PastRound, ...] = ()
    """Newest first."""
    tokens: tuple[HandledToken, ...] = ()
    aborted_generation: int = 0
    """The generation of the spec under which the round was aborted."""


@dataclass(frozen=True, slots=True)
class AbortRule:
    """When to stop: a share of failures above `percent`."""

    type: Literal["Failed", "TimedOut", "RolledBack", "Any"]
    percent: int
    min_sample: int = 1


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
    max_concurrency: Share | None = None
    budget_label: str | None = None
    budget: Share | None = None
    budget_counts_offline: bool = True
    success_percent: int = 100
    min_sample: int = 1
    soak: float = 0.0
    abort_when: tuple[AbortRule, ...] = ()
    ack_deadline: float | None = None
    progress_deadline: float | None = None
    ring_deadline: float | None = None
    offline_policy: Literal["exclude", "count", "wait"] = "exclude"
    on_empty: Literal["hold", "skip"] = "hold"
    on_abort: Literal["rollback", "hold"] = "rollback"
    needs_approval: bool = False
    suspend: bool = False
    window: Window | None = None
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    """Token annotations by name: approve, retry, resume."""
    unsupported: tuple[str, ...] = ()
    """Fields that this version of the planner cannot obey: the ring holds rather than ignore them."""
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
    online: bool = False
    online_since: float = 0.0
    updates_enabled: bool = True
    revoked: bool = False
    pin: Pin | None = None
    window: Window | None = None
    command: Command | None = None
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """Everything in one namespace."""

    rings: tuple[RingFacts, ...]
    versions: tuple[VersionFacts, ...]
    devices: tuple[DeviceFacts, ...]
    connected: bool = True
    """Whether commands can be sent and what devices say is complete: false holds every ring."""
