"""A TCP proxy whose connections can be cut or frozen: the network's faults, on demand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PIECE = 1 << 16


class TcpProxy:
    """Forwards 127.0.0.1:port to one address.

    Attributes:
        port: where it listens.
        open: whether new connections are let through; others are closed at once.
        flowing: cleared, bytes are held back, and nobody learns of it.
        connections: made so far.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.open = True
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.connections = 0

    def cut(self) -> None:
        """Break every connection there is, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        self.connections += 1
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            self._writers |= {writer, far_writer}
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(reader, far_writer))
                    group.create_task(self._copy(far_reader, writer))
            except* OSError:
                pass
            finally:
                self._writers -= {writer, far_writer}
                writer.transport.abort()
                far_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            await self.flowing.wait()
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[TcpProxy]:
    """Run a proxy in this event loop."""
    proxy = TcpProxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.open = False
        server.close()
        proxy.flowing.set()
        proxy.cut()
        await server.wait_closed()
