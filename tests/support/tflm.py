"""The TFLM fork server as a real process, and a client that speaks its protocol."""

import contextlib
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self


class Client:
    """One connection; a model that crashes shows as EOFError."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(20)

    @classmethod
    def connect(cls, path: Path) -> Self:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(path))
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def send(self, raw: bytes) -> None:
        self._connection.sendall(raw)

    def ask(self, op: int, payload: bytes = b"") -> tuple[int, bytes]:
        """Return status and payload of the answer."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send(struct.pack("<BI", op, len(payload)) + payload)
        status, length = struct.unpack("<BI", self.read(5))
        return status, self.read(length)

    def load(self, model: bytes, arena_bytes: int = 16384) -> tuple[int, bytes]:
        return self.ask(1, struct.pack("<I", arena_bytes) + model)

    def read(self, length: int) -> bytes:
        got = b""
        while len(got) < length:
            try:
                part = self._connection.recv(length - len(got))
            except ConnectionResetError:
                part = b""
            if not part:
                raise EOFError
            got += part
        return got


class Server:
    """A running fork server."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self.process = process
        self.path = path

    def connect(self) -> Client:
        return Client.connect(self.path)

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in tasks.read_text().split()]

    def wait_for_children(self, count: int) -> list[int]:
        deadline = time.monotonic() + 10
        while len(self.children()) != count:
            assert time.monotonic() < deadline, f"{self.children()} are not {count} children"
            time.sleep(0.01)
        return self.children()


@contextlib.contextmanager
def run_server(path: Path) -> Iterator[Server]:
    """Run `python -m edgefleet_tflm serve` until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edgefleet_tflm", "serve", "--socket", path], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        ready, _, _ = select.select([process.stderr], [], [], 30)
        line = process.stderr.readline() if ready else ""
        assert "listening" in line, f"the server does not listen: {line}{process.poll()}"
        yield Server(process, path)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        process.stderr.close()
