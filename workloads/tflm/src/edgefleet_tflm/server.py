"""A fork server: TensorFlow Lite Micro imported once, a process for each device that connects.

A device's model runs in a process of its own, so a model that crashes takes its own connection and nothing else.
"""

import contextlib
import errno
import gc
import logging
import os
import resource
import select
import selectors
import signal
import socket
import time
from pathlib import Path
from typing import Final

from edgefleet_tflm import protocol

_log: Final = logging.getLogger("edgefleet_tflm")

# Of one child: the interpreter, an arena, a model and its copies; no files, no dumps of a crash that is expected.
_LIMITS: Final = (
    (resource.RLIMIT_AS, 2 * 1024**3),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, 32),
)
_BACKLOG: Final = 512
_GRACE_SECONDS: Final = 2.0


def limit_child() -> None:
    """Bound this process for running a model that nobody has proven."""
    for which, wanted in _LIMITS:
        _, hard = resource.getrlimit(which)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (most, most))


class ForkServer:
    """Listens on a Unix socket until told to stop."""

    def __init__(self, path: Path) -> None:
        """Bind the socket, readable by this user only.

        Raises:
            OSError: another server answers on this path, something that is no socket lies there, or the path cannot be
                made or is too long for a socket (107 bytes).
        """
        self._path = path
        _clear_path(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(before)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._children: set[int] = set()
        # Held by the parent alone: children read its end when the parent is gone, however it went.
        self._lifeline, self._held = os.pipe2(os.O_CLOEXEC)
        self._stopping = False

    def serve(self) -> None:
        """Serve until SIGTERM or SIGINT; then end all children and remove the socket."""
        woken, waker = socket.socketpair()
        for each in (woken, waker):
            each.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        gc.collect()
        gc.freeze()  # children share what was imported as long as nothing touches it
        _log.info("listening on %s", self._path)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while not self._stopping:
                for key, _ in selector.select():
                    if key.fileobj is woken:
                        with contextlib.suppress(BlockingIOError):
                            woken.recv(4096)
                    else:
                        self._accept()
                self._reap()
        self._end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            _log.error("a connection cannot be accepted: %s", error)
            time.sleep(0.1)  # out of descriptors: others must end first
            return
        with connection:
            try:
                child = os.fork()
            except OSError as error:
                _log.error("no process for a connection: %s", error)
                return
            if child == 0:
                self._become_child(connection)
            self._children.add(child)

    def _become_child(self, connection: socket.socket) -> None:
        """Serve one connection; never returns, so that no parent's code runs twice."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(each, signal.SIG_DFL)
            self._listener.close()
            os.close(self._held)
            limit_child()
            connection.setblocking(True)
            _serve_connection(connection, self._lifeline)
            status = 0
        except (protocol.ProtocolError, OSError) as error:
            _log.error("%s", error)
        except BaseException:  # noqa: BLE001 - a child must not run on in the parent's loop
            _log.exception("a child ends")
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for child in list(self._children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                self._children.discard(child)
                if os.WIFSIGNALED(status):
                    _log.warning("a model took its process with it: %s", signal.Signals(os.WTERMSIG(status)).name)

    def _end(self) -> None:
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        for child in self._children:
            os.kill(child, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._children and time.monotonic() < deadline:
            for child in list(self._children):
                if os.waitpid(child, os.WNOHANG)[0]:
                    self._children.discard(child)
            time.sleep(0.01)
        for child in self._children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _serve_connection(connection: socket.socket, lifeline: int) -> None:
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    poller.register(lifeline, select.POLLIN)

    def wait() -> bool:
        return all(descriptor != lifeline for descriptor, _ in poller.poll())

    protocol.converse(connection.fileno(), connection.fileno(), wait)


def _clear_path(path: Path) -> None:
    """Remove the socket that a server killed without warning left behind."""
    if not path.exists():
        return
    if not path.is_socket():
        raise OSError(errno.ENOTSOCK, "something that is no socket lies there", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(errno.EADDRINUSE, "another server answers there", str(path))
