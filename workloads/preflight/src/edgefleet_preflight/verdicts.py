"""Why a model is refused: the contract's words where it has them, so that a person learns one vocabulary."""

import re
from enum import StrEnum
from typing import Final

from edgefleet.contracts import reasons

_LINE_MAX: Final = 1024
_UNPRINTABLE: Final = re.compile(r"[^ -~]+")


class Reason(StrEnum):
    """The first check that failed, and how."""

    OK = reasons.Reason.OK.value
    TOO_LARGE = reasons.Reason.TOO_LARGE.value
    DOES_NOT_FIT = reasons.Reason.DOES_NOT_FIT.value
    MODEL_LOAD_FAILED = reasons.Reason.MODEL_LOAD_FAILED.value
    OP_UNSUPPORTED = reasons.Reason.OP_UNSUPPORTED.value
    ARENA_TOO_SMALL = reasons.Reason.ARENA_TOO_SMALL.value
    SELF_TEST_FAILED = reasons.Reason.SELF_TEST_FAILED.value
    UNSUPPORTED = "Unsupported"
    """Well formed, and nothing that the class's devices could be asked to run."""
    PREFLIGHT_CRASHED = "PreflightCrashed"
    PREFLIGHT_TIMEOUT = "PreflightTimeout"
    SANDBOX_UNAVAILABLE = "SandboxUnavailable"
    """This machine cannot confine a check: nothing was looked at."""


class Refused(Exception):  # noqa: N818 - a verdict, not a fault of the program
    """The model does not pass.

    Attributes:
        reason: the verdict.
        message: one line with numbers, for a person.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        """Keep verdict and message."""
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.message = message


def to_line(text: str, most: int = _LINE_MAX) -> str:
    """Return foreign text as one line that is safe on a terminal, the end of it where it is long."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= most else f"... {line[4 - most :]}"
