"""What clients are told when they do not get what they asked for: a status, a reason of a closed list, one line."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from starlette.responses import JSONResponse

from edgefleet.contracts.reasons import ContractError
from edgefleet.contracts.reasons import Reason as ContractReason


class Reason(StrEnum):
    """Why a request was refused, beside the reasons of the wire contract."""

    UNAUTHENTICATED = "Unauthenticated"
    NOT_FOUND = "NotFound"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    BODY_TIMEOUT = "BodyTimeout"
    CONFLICT = "Conflict"
    BLOB_MISSING = "BlobMissing"
    SIZE_MISMATCH = "SizeMismatch"
    RANGE_NOT_SATISFIABLE = "RangeNotSatisfiable"
    BUSY = "Busy"
    NOT_READY = "NotReady"
    OUT_OF_SPACE = "OutOfSpace"
    STORE_FAILED = "StoreFailed"
    INTERNAL = "Internal"


class RefusedError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: the HTTP status.
        reason: why, for programs.
        message: why, for a person; one line that names the field or the file.
        headers: what the status demands beside the body.
    """

    def __init__(
        self,
        status: HTTPStatus,
        reason: Reason | ContractReason,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the verdict."""
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.headers = dict(headers or {})

    @classmethod
    def of_contract(cls, error: ContractError) -> "RefusedError":
        """Return what a client is told about a document that the wire contract refuses."""
        too_large = error.reason is ContractReason.TOO_LARGE
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
        return cls(status, error.reason, str(error))

    def response(self) -> JSONResponse:
        """Return the answer."""
        body = {"reason": self.reason.value, "message": self.message}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
