"""Whether an API server is ready, asked as its administrator."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgefleet_devcluster.pki import Pair

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Readiness:
    """The API server's own answer to /readyz."""

    ready: bool
    detail: str


def readyz(address: tuple[str, int], *, authority: Pair, client: Pair) -> Readiness:
    """Ask the API server at this host and port; one of another cluster does not count, as its authority differs."""
    try:
        status, body = _get(address, "/readyz", authority, client)
    except (OSError, http.client.HTTPException) as error:
        return Readiness(ready=False, detail=f"{type(error).__name__}: {error}")
    if status == http.HTTPStatus.OK:
        return Readiness(ready=True, detail="ok")
    failing = [line[3:].split()[0] for line in body.splitlines() if line.startswith("[-]")]
    return Readiness(ready=False, detail=f"waiting for {', '.join(failing) or f'HTTP {status}'}")


def exists(address: tuple[str, int], path: str, *, authority: Pair, client: Pair) -> bool:
    """Whether the API server has something at ``path``; no answer is no."""
    try:
        return _get(address, path, authority, client)[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def read(address: tuple[str, int], path: str, *, authority: Pair, client: Pair) -> dict[str, Any]:
    """Return the object at ``path``.

    Raises:
        OSError: No answer, or another one than 200.
    """
    try:
        status, body = _get(address, path, authority, client)
    except http.client.HTTPException as error:
        raise OSError(f"{path}: {error}") from error
    if status != http.HTTPStatus.OK:
        raise OSError(f"{path}: HTTP {status}")
    return json.loads(body)


def _get(address: tuple[str, int], path: str, authority: Pair, client: Pair) -> tuple[int, str]:
    tls = ssl.create_default_context(cafile=str(authority.certificate))
    tls.load_cert_chain(client.certificate, client.key)
    connection = http.client.HTTPSConnection(*address, timeout=_TIMEOUT_SECONDS, context=tls)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
