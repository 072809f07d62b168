"""Request bodies: read with a limit and a deadline, and what becomes of those that nobody reads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Final

import anyio.to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefleet.contracts.reasons import Reason as ContractReason
from edgefleet_model_registry.refusals import Reason, RefusedError

IDLE_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 8 * 2**20
_BATCH: Final = 256 * 1024


async def copy_body(request: Request, write: Callable[[bytearray], None], *, most: int) -> None:
    """Hand a body to a blocking writer, batch by batch, in a thread.

    Args:
        request: whose body it is.
        write: gets each batch; not called again before it returns.
        most: bytes that are read; one more is refused, at once if the client announces it.

    Raises:
        RefusedError: 413, or 408 when nothing comes for `IDLE_SECONDS`.
        ClientDisconnect: the client left before the end.
    """
    async for batch in _batches(request, most):
        await anyio.to_thread.run_sync(write, batch)


async def read_body(request: Request, *, most: int) -> bytes:
    """Return a small body; see `copy_body`."""
    whole = bytearray()
    async for batch in _batches(request, most):
        whole += batch
    return bytes(whole)


async def _batches(request: Request, most: int) -> AsyncIterator[bytearray]:
    too_large = RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ContractReason.TOO_LARGE, f"body: at most {most} bytes"
    )
    if int(request.headers.get("content-length", "0")) > most:
        raise too_large
    stream = request.stream()
    batch, total, ended = bytearray(), 0, False
    while not ended:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(stream, None)
        except TimeoutError:
            message = f"body: nothing came for {IDLE_SECONDS:g} seconds"
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, Reason.BODY_TIMEOUT, message) from None
        ended = chunk is None
        total += len(chunk or b"")
        if total > most:
            raise too_large
        batch += chunk or b""
        if batch and (ended or len(batch) >= _BATCH):
            yield batch
            batch = bytearray()


class LingeringClose:
    """Closes connections on which an answer went out before the body was read.

    uvicorn would read the rest, however long, and throw it away. Closed at once, the system would reset the connection,
    and the client might lose the answer; so what arrives in the next moments is read, within bounds.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http" or not _announces_body(scope):
            await self._app(scope, receive, send)
            return
        unread, closing = True, False

        async def receive_part() -> Message:
            nonlocal unread
            message = await receive()
            unread = bool(message.get("more_body"))
            return message

        async def send_part(message: Message) -> None:
            nonlocal closing
            if message["type"] == "http.response.start" and unread:
                closing = True
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if not (closing and last):
                await send(message)
                return
            await send({**message, "more_body": True})
            await _linger(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive_part, send_part)


def _announces_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


async def _linger(receive: Receive) -> None:
    taken = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while taken < LINGER_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
