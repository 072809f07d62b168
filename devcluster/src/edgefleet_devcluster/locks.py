"""File locks between processes; the kernel frees them when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.progress import Heartbeat, Say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.1
_SAY_EVERY_SECONDS = 15.0


@contextmanager
def exclusive(path: Path, *, purpose: str, say: Say, timeout: float = 3600.0) -> Iterator[None]:
    """Hold the lock file ``path``; wait for another holder, telling who it is.

    Args:
        path: The lock file; it stays behind, empty of meaning.
        purpose: What waits, for the messages.
        say: Where the messages go.
        timeout: Seconds to wait for the other holder.

    Raises:
        DevclusterError: The other holder did not let go in time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(fd, path, purpose, say, timeout)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def _acquire(fd: int, path: Path, purpose: str, say: Say, timeout: float) -> None:
    heartbeat = Heartbeat(say, _SAY_EVERY_SECONDS)
    told = False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            if heartbeat.elapsed > timeout:
                raise DevclusterError(
                    f"{purpose}: process {holder} still holds {path} after {timeout:.0f} s; end that process first"
                ) from None
            if not told:
                say(f"{purpose}: waiting for process {holder}, which holds {path}")
                told = True
            heartbeat.beat(lambda: f"{purpose}: still waiting, {heartbeat.elapsed:.0f} s")
            time.sleep(_POLL_SECONDS)
        else:
            return
