"""Condition types and reasons of the four kinds: the words that operator, documentation and tests share.

Ready, Reconciling and Stalled follow kstatus: Reconciling and Stalled are present only while they are true, and never
both. Must not know how a condition comes about.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ConditionType(StrEnum):
    """The name of a condition."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    UP_TO_DATE = "UpToDate"
    CONNECTED = "Connected"
    COMPATIBLE = "Compatible"
    CONFLICT_PAUSED = "ConflictPaused"
    VERIFIED = "Verified"
    QUARANTINED = "Quarantined"


class ConditionReason(StrEnum):
    """Why a condition is what it is. Reasons that devices report (edgefleet.contracts.reasons) appear beside these."""

    # Accepted, or not yet looked at.
    ACCEPTED = "Accepted"
    PROGRESSING = "Progressing"
    # What keeps an object from being acted on until somebody mends it.
    CLASS_UNKNOWN = "ClassUnknown"
    CLASS_INVALID = "ClassInvalid"
    NAME_TAKEN = "NameTaken"
    NO_ARTIFACT = "NoArtifact"
    UNSIGNED = "Unsigned"
    MANIFEST_MISMATCH = "ManifestMismatch"
    BAD_SIGNATURE = "BadSignature"
    PREFLIGHT_REFUSED = "PreflightRefused"
    ARTIFACT_UNAVAILABLE = "ArtifactUnavailable"
    QUARANTINED = "Quarantined"
    RINGS_OVERLAP = "RingsOverlap"
    # What a ring waits for.
    NO_TARGET = "NoTarget"
    PENDING = "Pending"
    VERSION_MISSING = "VersionMissing"
    VERSION_NOT_VERIFIED = "VersionNotVerified"
    BROKER_UNREACHABLE = "BrokerUnreachable"
    PREDECESSOR_NOT_PROVED = "PredecessorNotProved"
    APPROVAL_MISSING = "ApprovalMissing"
    SHADOWING = "Shadowing"
    SHADOW_UNREACHABLE = "ShadowUnreachable"
    WINDOW_CLOSED = "WindowClosed"
    CONCURRENCY_REACHED = "ConcurrencyReached"
    BUDGET_SPENT = "BudgetSpent"
    RATE_REACHED = "RateReached"
    RING_EMPTY = "RingEmpty"
    SOAKING = "Soaking"
    GATE_NOT_PASSED = "GateNotPassed"
    GATE_UNREACHABLE = "GateUnreachable"
    SUSPENDED = "Suspended"
    PROVED = "Proved"
    # Why a round was stopped.
    ABORTED = "Aborted"
    ROLLING_BACK = "RollingBack"
    TOO_MANY_FAILURES = "TooManyFailures"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    SHADOW_DISAGREES = "ShadowDisagrees"
    # Why one began.
    TARGET_CHANGED = "TargetChanged"
    RETRY_REQUESTED = "RetryRequested"
    RING_CHANGED = "RingChanged"
    QUARANTINE_LIFTED = "QuarantineLifted"
    # A device's own.
    HELD = "Held"
    COMMANDED = "Commanded"
    FITS = "Fits"
    FAILED = "Failed"
    ACK_TIMEOUT = "AckTimeout"
    PROGRESS_TIMEOUT = "ProgressTimeout"
    TIMED_OUT = "TimedOut"
    ROLLED_BACK = "RolledBack"
    WRONG_DIGEST = "WrongDigest"
    BLOCKED = "Blocked"
    NO_LAST_GOOD = "NoLastGood"
    NOT_MOVED = "NotMoved"
    PINNED = "Pinned"
    PIN_WITHOUT_MODEL = "PinWithoutModel"
    UPDATES_DISABLED = "UpdatesDisabled"
    UNASSIGNED = "Unassigned"
    UNKNOWN_GENERATION = "UnknownGeneration"
    REVOKED = "Revoked"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    COMMAND_REFUSED = "CommandRefused"
    NEVER_SEEN = "NeverSeen"
    ONLINE = "Online"
    OFFLINE = "Offline"
    # A training run's.
    ARMED = "Armed"
    NO_DRIFT = "NoDrift"
    ROUND_FAILED = "RoundFailed"
    COMPLETE = "Complete"


@dataclass(frozen=True, slots=True)
class ConditionMeaning:
    """What it means that a condition is true on one kind."""

    type: ConditionType
    true: str


_SHARED: Final = (
    ConditionMeaning(ConditionType.RECONCILING, "The operator is at it, or waits for something that will come."),
    ConditionMeaning(ConditionType.STALLED, "Nothing happens until somebody changes the object or hands it a token."),
)

CONDITIONS: Final[dict[str, tuple[ConditionMeaning, ...]]] = {
    "EdgeDevice": (
        ConditionMeaning(ConditionType.READY, "Accepted: the class is known. Not: assigned, online or updated."),
        *_SHARED,
        ConditionMeaning(ConditionType.UP_TO_DATE, "Reports what it was told to run."),
        ConditionMeaning(ConditionType.CONNECTED, "Its session at the broker stands."),
        ConditionMeaning(ConditionType.COMPATIBLE, "The target has an artifact that the device can hold and run."),
        ConditionMeaning(
            ConditionType.CONFLICT_PAUSED,
            "Reports a generation nobody recorded and a digest that is neither target nor stable; the annotation"
            " edgefleet.io/resume ends that. Present only while true.",
        ),
    ),
    "ModelVersion": (
        ConditionMeaning(ConditionType.READY, "Verified, and may be rolled out."),
        *_SHARED,
        ConditionMeaning(
            ConditionType.VERIFIED, "Every artifact is signed, matches its manifest and passed preflight."
        ),
        ConditionMeaning(
            ConditionType.QUARANTINED,
            "Nobody is given it any more; outranks Git until a token lifts it. Absent until there was evidence.",
        ),
    ),
    "RolloutRing": (
        ConditionMeaning(ConditionType.READY, "The target is proved. A suspended ring keeps it."),
        ConditionMeaning(ConditionType.RECONCILING, "Rolling, soaking, going back, or waiting for what will come."),
        ConditionMeaning(
            ConditionType.STALLED,
            "Aborted, until another version, an edit, a retry token or the end of a quarantine; or rings overlap.",
        ),
    ),
    "TrainingRun": (
        ConditionMeaning(ConditionType.READY, "Armed or complete."),
        ConditionMeaning(ConditionType.RECONCILING, "A round is in flight."),
        ConditionMeaning(ConditionType.STALLED, "The last round failed in a way that another try does not mend."),
    ),
}
"""What each condition means, by kind, in the order in which they are documented."""
