"""Who may ask: devices and services by their certificate for reading, holders of the upload token for everything."""

import hashlib
import hmac
import re
from http import HTTPStatus
from pathlib import Path
from typing import Final

import anyio.to_thread
from starlette.requests import Request

from edgefleet_model_registry.mounts import Mounted
from edgefleet_model_registry.refusals import Reason, RefusedError

TOKEN_HOLDER: Final = "upload-token"  # noqa: S105 - a name for the log, no secret
_TOKEN_CHARS_LEAST: Final = 32
_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)


def watch_upload_token(file: Path) -> Mounted[bytes]:
    """Return the SHA-256 of the token in a file, read again whenever it changes.

    Raises:
        OSError: the file cannot be read.
        ValueError: the token is too short to be one.
    """
    return Mounted(lambda: [file], lambda: _load(file))


class Guard:
    """Lets requests in or refuses them; `reader` and `writer` are FastAPI dependencies."""

    def __init__(self, token: Mounted[bytes]) -> None:
        """Compare with the token that is valid at the time of each request."""
        self._token = token

    async def reader(self, request: Request) -> None:
        """Let in who proved a name with a certificate of the fleet's CA, or holds the token.

        Raises:
            RefusedError: 401.
        """
        if request.state.peer is None:
            await self.writer(request)

    async def writer(self, request: Request) -> None:
        """Let in who holds the token.

        Raises:
            RefusedError: 401.
        """
        given = _BEARER.fullmatch(request.headers.get("authorization", ""))
        expected = await anyio.to_thread.run_sync(self._token.get)
        # Digests of both: neither the token's length nor a common beginning shows in the time it takes.
        if not given or not hmac.compare_digest(hashlib.sha256(given[1].encode()).digest(), expected):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                Reason.UNAUTHENTICATED,
                "writing needs the upload token, reading the token or a client certificate of the fleet's CA",
                {"WWW-Authenticate": "Bearer"},
            )
        request.state.caller = TOKEN_HOLDER


def _load(file: Path) -> bytes:
    token = file.read_bytes().strip()
    if len(token) < _TOKEN_CHARS_LEAST:
        raise ValueError(f"{file.name}: the upload token has at least {_TOKEN_CHARS_LEAST} characters")
    return hashlib.sha256(token).digest()
