"""Stored files as answers: whole or a part, streamed, with the headers that let clients keep and resume them."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import BinaryIO, Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from edgefleet_model_registry.ranges import Span, UnsatisfiableError, matches, select_span
from edgefleet_model_registry.refusals import Reason, RefusedError
from edgefleet_model_registry.store import Kind, Store

# What is stored under a digest never changes; it is private because reading needs a certificate.
_CACHE: Final = "private, max-age=31536000, immutable"
_CHUNK: Final = 64 * 1024
STALL_SECONDS: Final = 60.0


async def answer_file(request: Request, store: Store, kind: Kind, digest: str, media_type: str) -> Response:
    """Answer GET or HEAD of a stored file.

    Raises:
        RefusedError: 404, or 416.
        StoreError: the disk fails.
    """
    found = await anyio.to_thread.run_sync(store.open, kind, digest)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, Reason.NOT_FOUND, f"{kind.value}: {digest} is not stored")
    file, size = found
    try:
        headers = {"ETag": f'"sha256:{digest}"', "Cache-Control": _CACHE, "Accept-Ranges": "bytes"}
        response = _plan(request, headers, file, size, media_type)
    except BaseException:
        file.close()
        raise
    if not isinstance(response, SpanResponse):
        file.close()
    return response


def _plan(request: Request, headers: dict[str, str], file: BinaryIO, size: int, media_type: str) -> Response:
    etag = headers["ETag"]
    if matches(request.headers.getlist("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(size)}, media_type=media_type)
    try:
        asked = request.headers.getlist("range")
        span = select_span(asked, request.headers.get("if-range"), etag=etag, size=size)
    except UnsatisfiableError:
        raise RefusedError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            Reason.RANGE_NOT_SATISFIABLE,
            f"range: the file has {size} bytes",
            {**headers, "Content-Range": f"bytes */{size}"},
        ) from None
    if span is None:
        return SpanResponse(file, Span(0, size), HTTPStatus.OK, headers, media_type)
    headers["Content-Range"] = span.content_range(size)
    return SpanResponse(file, span, HTTPStatus.PARTIAL_CONTENT, headers, media_type)


class SpanResponse(StreamingResponse):
    """Some of an open file's bytes; closes the file."""

    def __init__(
        self, file: BinaryIO, span: Span, status: HTTPStatus, headers: dict[str, str], media_type: str
    ) -> None:
        """Answer with a span of a file, which is this object's from now on."""
        headers = {**headers, "Content-Length": str(span.length)}
        super().__init__(self._read(), status, headers, media_type)
        self._file = file
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; give up a client that does not read for `STALL_SECONDS`."""

        async def send_patiently(message: Message) -> None:
            # uvicorn waits as long as the client does not read. Without an end to it, a few clients hold all there is.
            async with asyncio.timeout(STALL_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_patiently)
        except TimeoutError:
            return  # uvicorn closes a connection whose answer is not complete
        finally:
            self._file.close()

    async def _read(self) -> AsyncIterator[bytes]:
        await anyio.to_thread.run_sync(self._file.seek, self._span.first)
        rest = self._span.length
        while rest:
            chunk = await anyio.to_thread.run_sync(self._file.read, min(rest, _CHUNK))
            if not chunk:
                return  # cut off on the disk: the client sees an answer that ends too early
            rest -= len(chunk)
            yield chunk
