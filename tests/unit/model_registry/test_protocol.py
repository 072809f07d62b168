"""What uvicorn with our protocol does to connections that ask for nothing, slowly, or too many at once."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from edgefleet_model_registry import peers


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    body = await request.body()
    await JSONResponse({"peer": request.state.peer, "bytes": len(body)})(scope, receive, send)


def serve(talk: Callable[[int], Awaitable[None]]) -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(app, http=peers.PeerProtocol, ws="none", lifespan="off", log_config=None)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server._serve([listener]))
            try:
                await asyncio.wait_for(talk(listener.getsockname()[1]), 10)
            finally:
                server.should_exit = True
                await serving

    asyncio.run(run())


async def rest_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_come_end_the_connection(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(peers, "HEADERS_SECONDS", 0.2)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await rest_of(reader, writer) == b""

    serve(talk)


def test_a_slow_body_is_not_taken_for_slow_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "HEADERS_SECONDS", 0.2)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):  # the second request on the connection has a time of its own
            writer.write(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
            await asyncio.sleep(0.4)
            writer.write(b"b")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(23) == b'{"peer":null,"bytes":2}'
        writer.write(b"GET / HT")
        assert await rest_of(reader, writer) == b""

    serve(talk)


def test_large_bodies_are_no_large_headers() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
            await reader.readuntil(b'"bytes":100000}')
        writer.close()

    serve(talk)


def test_connections_beyond_the_limit_are_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONNECTIONS_MAX", 2)

    async def talk(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert await rest_of(*await asyncio.open_connection("127.0.0.1", port)) == b""
        reader, writer = held[0]
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await rest_of(reader, writer)).endswith(b'{"peer":null,"bytes":0}')
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await rest_of(reader, writer)).endswith(b'{"peer":null,"bytes":0}')
        held[1][1].close()

    serve(talk)
