"""A cable between a device and a server: it can be unplugged, and it can stop in the middle of a transfer."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK: Final = 1024


class Link:
    """Forwards TCP to a port of this machine.

    Attributes:
        port: where the device connects; the same while plugged in and out.
        connections: how many the device has made.
    """

    def __init__(self, find_target: Callable[[], int]) -> None:
        """Make a link; `find_target` gives the server's port at each connection."""
        self.connections = 0
        self._find_target = find_target
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._allowed: int | None = None
        self._changed = threading.Condition()
        self._ended = False
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self.port: int = chosen.getsockname()[1]

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.unplug()
        for thread in self._threads:
            thread.join(10)

    def plug(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listener)

    def unplug(self) -> None:
        """Refuse connections and cut those there are."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self._cut()

    def hold_after(self, count: int) -> None:
        """Let so many bytes more through to the device, and then nothing until `release`."""
        with self._changed:
            self._allowed = count

    def release(self) -> None:
        """Let everything through again."""
        with self._changed:
            self._allowed = None
            self._changed.notify_all()

    def _cut(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                device, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._find_target()), timeout=20)
            except OSError:
                device.close()
                continue
            self._open += [device, server]
            self._start(self._serve, device, server)

    def _serve(self, device: socket.socket, server: socket.socket) -> None:
        upstream = threading.Thread(target=self._forward, args=(device, server), daemon=True)
        upstream.start()
        self._forward(server, device, self._take)
        upstream.join(20)
        for each in (device, server):
            self._open.remove(each)
            each.close()

    def _forward(self, source: socket.socket, sink: socket.socket, take: Callable[[int], bool] | None = None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if take and not take(len(data)):
                    break
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _take(self, count: int) -> bool:
        """Wait until so many bytes may pass; False when nothing may any more."""
        with self._changed:
            while not self._ended:
                if self._allowed is None:
                    return True
                if self._allowed > 0:
                    self._allowed -= count
                    return True
                self._changed.wait()
        return False
