"""Whether an API server is ready, asked as its administrator."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.network import LOOPBACK

if TYPE_CHECKING:
    from edgefleet_devcluster.pki import Pair

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Readiness:
    """The API server's own answer to /readyz."""

    ready: bool
    detail: str


def readyz(port: int, *, authority: Pair, client: Pair) -> Readiness:
    """Ask the API server at ``port``; one of another cluster does not count, its certificate has another authority."""
    try:
        status, body = _get(port, "/readyz", authority, client)
    except (OSError, http.client.HTTPException) as error:
        return Readiness(ready=False, detail=f"{type(error).__name__}: {error}")
    if status == http.HTTPStatus.OK:
        return Readiness(ready=True, detail="ok")
    failing = [line[3:].split()[0] for line in body.splitlines() if line.startswith("[-]")]
    return Readiness(ready=False, detail=f"waiting for {', '.join(failing) or f'HTTP {status}'}")


def exists(port: int, path: str, *, authority: Pair, client: Pair) -> bool:
    """Whether the API server has something at ``path``; no answer is no."""
    try:
        return _get(port, path, authority, client)[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _get(port: int, path: str, authority: Pair, client: Pair) -> tuple[int, str]:
    tls = ssl.create_default_context(cafile=str(authority.certificate))
    tls.load_cert_chain(client.certificate, client.key)
    connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=_TIMEOUT_SECONDS, context=tls)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
