"""Why a document or a model was refused: one closed list for Python, C, `reported`, conditions and events.

Names and numbers are part of the wire contract: a number is never reused, new reasons go to the end.
"""

from enum import Enum, StrEnum
from typing import Final


class Disposition(Enum):
    """What a reason means for whoever sent the command."""

    NONE = "none"  # nothing is wrong
    REJECTION = "rejection"  # never retried for the same generation; says nothing about the model's health
    FAILURE = "failure"  # retried with backoff; counts against the rollout
    DEFERRAL = "deferral"  # not now: neither a verdict nor a failure


class Reason(StrEnum):
    """The verdict on a document, or the outcome of an update."""

    # The document itself.
    OK = "Ok"
    UNCHANGED = "Unchanged"
    TOO_LARGE = "TooLarge"
    MALFORMED = "Malformed"
    TOO_DEEP = "TooDeep"
    DUPLICATE_KEY = "DuplicateKey"
    UNSUPPORTED_SCHEMA = "UnsupportedSchema"
    MISSING_FIELD = "MissingField"
    WRONG_TYPE = "WrongType"
    OUT_OF_RANGE = "OutOfRange"
    # Its signature and its addressee.
    BAD_ENVELOPE = "BadEnvelope"
    UNKNOWN_KEY = "UnknownKey"
    BAD_SIGNATURE = "BadSignature"
    WRONG_DEVICE = "WrongDevice"
    STALE_GENERATION = "StaleGeneration"
    MANIFEST_MISMATCH = "ManifestMismatch"
    # The model against this device, before any download.
    WRONG_CLASS = "WrongClass"
    SECURITY_VERSION_TOO_LOW = "SecurityVersionTooLow"
    FIRMWARE_TOO_OLD = "FirmwareTooOld"
    DOES_NOT_FIT = "DoesNotFit"
    ARENA_TOO_SMALL = "ArenaTooSmall"
    OP_UNSUPPORTED = "OpUnsupported"
    # The update.
    DOWNLOAD_FAILED = "DownloadFailed"
    DIGEST_MISMATCH = "DigestMismatch"
    FLASH_ERROR = "FlashError"
    MODEL_LOAD_FAILED = "ModelLoadFailed"
    SELF_TEST_FAILED = "SelfTestFailed"
    WATCHDOG_RESET = "WatchdogReset"
    # The device.
    NOT_ACTIVATED = "NotActivated"
    REVOKED = "Revoked"
    DEFERRED = "Deferred"
    # The model against this device again; its number is of its time.
    FEATURE_SCHEMA_UNKNOWN = "FeatureSchemaUnknown"

    @property
    def code(self) -> int:
        """The reason's number in C and in logs of the firmware."""
        return _CODES[self]

    @property
    def disposition(self) -> Disposition:
        """Whether the reason is a rejection, a failure, a deferral, or nothing wrong at all."""
        return _DISPOSITIONS.get(self, Disposition.REJECTION)


_CODES: Final = {reason: code for code, reason in enumerate(Reason)}

# Everything else is a rejection: the document or the model, not the attempt, is at fault.
_DISPOSITIONS: Final = {
    Reason.OK: Disposition.NONE,
    Reason.UNCHANGED: Disposition.NONE,
    Reason.DOWNLOAD_FAILED: Disposition.FAILURE,
    Reason.DIGEST_MISMATCH: Disposition.FAILURE,
    Reason.FLASH_ERROR: Disposition.FAILURE,
    Reason.MODEL_LOAD_FAILED: Disposition.FAILURE,
    Reason.SELF_TEST_FAILED: Disposition.FAILURE,
    Reason.WATCHDOG_RESET: Disposition.FAILURE,
    Reason.NOT_ACTIVATED: Disposition.DEFERRAL,
    Reason.REVOKED: Disposition.DEFERRAL,
    Reason.DEFERRED: Disposition.DEFERRAL,
}


class ContractError(ValueError):
    """A document that the wire contract refuses.

    Attributes:
        reason: the verdict; the firmware gives the same one for the same bytes.
        path: the field at fault, dotted, with array indexes in brackets; empty for the document as a whole.
        document: the document's kind, such as `desired`.
        rule: what the contract demands there, for a person.
    """

    def __init__(self, reason: Reason, path: str, document: str, rule: str) -> None:
        """Keep the verdict and word it for a person."""
        where = f"{document}: {path}" if path else document
        super().__init__(f"{where}: {rule} ({reason.value})")
        self.reason = reason
        self.path = path
        self.document = document
        self.rule = rule

    def within(self, path: str, document: str) -> "ContractError":
        """Return the same fault, seen from the document that carries this one at `path`."""
        return ContractError(self.reason, f"{path}.{self.path}" if self.path else path, document, self.rule)
