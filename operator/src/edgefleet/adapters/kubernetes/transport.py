"""One request to the API server, tried again while there is time. Must not know what any object means."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from edgefleet.adapters.kubernetes.access import Access
from edgefleet.runtime.backoff import Backoff
from edgefleet.runtime.errors import ApiError

_LOG: Final = logging.getLogger(__name__)
_JSON: Final = "application/json"
# Connections at most: more only queue up in the API server's own fairness.
_CONNECTIONS: Final = 64
_READ_BUFFER: Final = 1 << 18
_CONNECT_SECONDS: Final = 5.0
_BACKOFF: Final = Backoff(0.1, 2.0)
_OVERLOADED: Final = frozenset({429, 503})
# The server may or may not have done what was asked for.
_AMBIGUOUS: Final = frozenset({500, 502, 504})


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to try, in seconds.

    Attributes:
        request: for one answer, its body included.
        retry: from the first try to the beginning of the last one.
    """

    request: float = 10.0
    retry: float = 10.0


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a try brought nothing, and what may be done about it."""

    error: ApiError
    # Whether the server surely did nothing.
    clean: bool
    retry_after: float = 0.0


class Transport:
    """A pool of connections to one API server."""

    def __init__(self, access: Access, limits: Limits) -> None:
        """Open the pool; it needs a running event loop."""
        self._access = access
        self._limits = limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=access.tls, limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=limits.request, connect=_CONNECT_SECONDS),
            read_bufsize=_READ_BUFFER,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if isinstance(self._session.connector, aiohttp.TCPConnector):
            await self._session.connector.close(abort_ssl=True)  # nobody waits for the server's goodbye
        await self._session.close()
        await asyncio.sleep(0)  # the loop closes aborted sockets in its next round

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = _JSON,
    ) -> Any:
        """Return the answer's JSON.

        Overload and missing connections are waited out, as the server says or with jitter, until the limit. POST is
        tried again only where the server surely did nothing.

        Raises:
            ApiError: the server's refusal, or the last failure when the time was over.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.retry
        data = None if body is None else orjson.dumps(body)
        failures = 0
        while True:
            answer = await self._try(method, path, query, data, content_type)
            if not isinstance(answer, _Failure):
                return answer
            failures += 1
            pause = max(answer.retry_after, _BACKOFF.seconds(failures))
            if (method == "POST" and not answer.clean) or loop.time() + pause > deadline:
                raise answer.error
            _LOG.debug("%s %s: %s; again in %.2f s", method, path, answer.error, pause)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """Open an answer without end.

        Args:
            path: of the resource.
            query: of the request.
            silence: seconds without a byte after which reading raises `aiohttp.SocketTimeoutError`.

        Raises:
            ApiError: the server refuses it.
            aiohttp.ClientError, TimeoutError: there is no connection.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        async with self._session.get(
            self._access.server + path,
            params=query,
            headers=self._headers(_JSON),
            timeout=timeout,
            server_hostname=self._access.name,
        ) as response:
            if response.status >= 400:
                raise _refusal(response.status, await response.read())
            try:
                yield response.content
            finally:
                # Nobody waits for the server's goodbye to a stream that has no end.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        if self._access.token is not None:
            headers["Authorization"] = f"Bearer {self._access.token()}"
        return headers

    async def _try(
        self, method: str, path: str, query: Mapping[str, str] | None, data: bytes | None, content_type: str
    ) -> Any:
        """Return the answer's JSON or a `_Failure` that another try may mend; raise ApiError for a refusal."""
        try:
            async with self._session.request(
                method,
                self._access.server + path,
                params=query,
                data=data,
                headers=self._headers(content_type),
                server_hostname=self._access.name,
            ) as response:
                content = await response.read()
                status, after = response.status, response.headers.get("Retry-After", "")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return _Failure(ApiError(0, "Unreachable", str(error)), clean=True)
        except (aiohttp.ClientError, TimeoutError) as error:
            text = str(error) or type(error).__name__
            return _Failure(ApiError(0, "Unreachable", text), clean=False)
        if status < 400:
            return orjson.loads(content)
        refusal = _refusal(status, content)
        if status in _OVERLOADED:
            return _Failure(refusal, clean=True, retry_after=_seconds(after))
        if status in _AMBIGUOUS:
            return _Failure(refusal, clean=False, retry_after=_seconds(after))
        raise refusal


def _refusal(status: int, content: bytes) -> ApiError:
    """Return what the API's Status object says, or the beginning of what a proxy in between says."""
    try:
        document = orjson.loads(content)
        return ApiError(status, str(document.get("reason", "")), str(document.get("message", "")))
    except (orjson.JSONDecodeError, AttributeError):
        return ApiError(status, "", content[:200].decode(errors="replace").strip())


def _seconds(retry_after: str) -> float:
    """Return a Retry-After header as the API server sends it, in seconds; 0.0 for another form."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
