"""Files named after a SHA-256 digest, whole or not there at all. Blocking: callers bring a thread.

`<root>/<kind>/sha256/<first two digits>/<digest>`; what is being written is in `<root>/incoming`, in the same file
system, and is moved when it is whole, checked and on the disk. Knows no HTTP and not what the files mean.
"""

import errno
import fcntl
import hashlib
import logging
import os
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from edgefleet.contracts.formats import SHA256_PATTERN

_log: Final = logging.getLogger(__name__)
_DIGEST: Final = re.compile(SHA256_PATTERN)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Kind(StrEnum):
    """What is kept, each in a folder of its own."""

    BLOB = "blobs"
    MANIFEST = "manifests"


class StoreError(Exception):
    """The disk does not do what it should; the message is safe to show."""


class OutOfSpaceError(StoreError):
    """No room is left for the file."""


class Store:
    """The folder and what is in it."""

    def __init__(self, root: Path) -> None:
        """Name the folder; `prepare` comes before anything is written."""
        self._root = root
        self._incoming = root / "incoming"
        # One process writes a store; its threads take turns at making names appear.
        self._naming = threading.Lock()

    def prepare(self) -> None:
        """Make the folders, and remove what writers that are gone have left.

        Raises:
            StoreError: the folder cannot be written to.
        """
        with _telling():
            self._incoming.mkdir(parents=True, exist_ok=True)
            for path in self._incoming.iterdir():
                if _is_abandoned(path):
                    path.unlink(missing_ok=True)
                    _log.info("removed an upload that was never finished: %s", path.name)

    def check_writable(self) -> None:
        """Make a file and remove it.

        Raises:
            StoreError: the file system is read-only, gone, or out of file entries.
        """
        self.begin().discard()

    def open(self, kind: Kind, digest: str) -> tuple[BinaryIO, int] | None:
        """Open a file for reading.

        Returns:
            the file and its size in bytes; None if it is not there.

        Raises:
            ValueError: `digest` is none.
            StoreError: the disk fails.
        """
        path = self.locate(kind, digest)
        with _telling():
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                return None
            return file, os.fstat(file.fileno()).st_size

    def size(self, kind: Kind, digest: str) -> int | None:
        """Return a file's size in bytes; None if it is not there.

        Raises:
            ValueError: `digest` is none.
            StoreError: the disk fails.
        """
        path = self.locate(kind, digest)
        with _telling():
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return None

    def begin(self) -> "Incoming":
        """Start a new file.

        Raises:
            StoreError: the disk fails or is full.
        """
        path = self._incoming / f"{uuid.uuid4().hex}.part"
        with _telling():
            # Read-only from the start for everyone but the descriptor that makes it.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return Incoming(self, path, descriptor)

    def locate(self, kind: Kind, digest: str) -> Path:
        """Return where a file is or would be.

        Raises:
            ValueError: `digest` is not 64 lower-case hexadecimal digits.
        """
        # fullmatch: Python's `$` would let a line feed pass.
        if not _DIGEST.fullmatch(digest):
            raise ValueError("a digest is 64 lower-case hexadecimal digits")
        return self._root / kind.value / "sha256" / digest[:2] / digest

    def adopt(self, path: Path, target: Path, *, replace: bool) -> bool:
        """Give a finished file its name; return False if the name was there before. `Incoming` calls this."""
        _make_folders(target.parent)
        with self._naming:
            existed = target.exists()
            if replace or not existed:
                path.replace(target)
        # Also when the name was there: whoever made it may not have got this far yet.
        _sync_folder(target.parent)
        return not existed


class Incoming:
    """A file on its way into the store; used as a context manager, it leaves nothing behind unless published.

    Attributes:
        size: the bytes written so far.
    """

    def __init__(self, store: Store, path: Path, descriptor: int) -> None:
        """`Store.begin` makes one, with the descriptor locked for as long as the writer lives."""
        self.size = 0
        self._store = store
        self._path = path
        self._descriptor: int | None = descriptor
        self._hash = hashlib.sha256()
        # A request that is cancelled may discard while its thread still writes: the descriptor's number must not
        # become another file's in between.
        self._busy = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard what was not published."""
        self.discard()

    @property
    def digest(self) -> str:
        """SHA-256 of what was written so far, in lower-case hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes.

        Raises:
            OutOfSpaceError: they do not fit on the disk.
            StoreError: the disk fails, or the file was discarded.
        """
        with self._busy, _telling():
            if self._descriptor is None:
                raise StoreError("the upload was given up")
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._hash.update(data)
            self.size += len(data)

    def publish(self, kind: Kind, digest: str, *, replace: bool) -> bool:
        """Make the file appear, whole, under a digest that the caller has checked; durable when this returns.

        Args:
            kind: where.
            digest: the name; of a blob, SHA-256 of its bytes, of a manifest, SHA-256 of its payload.
            replace: whether to take the place of a file of that name; otherwise that one stays.

        Returns:
            False if there was a file of that name before.

        Raises:
            ValueError: `digest` is none.
            OutOfSpaceError: the disk is full.
            StoreError: the disk fails, or the file was discarded.
        """
        target = self._store.locate(kind, digest)
        with self._busy, _telling():
            if self._descriptor is None:
                raise StoreError("the upload was given up")
            os.fsync(self._descriptor)
            return self._store.adopt(self._path, target, replace=replace)

    def discard(self) -> None:
        """Close the file and remove it if it was not published. Safe to repeat."""
        with self._busy:
            if self._descriptor is None:
                return
            # Unlocked only after its name is gone, or a starting process could take it for abandoned.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def _telling() -> Iterator[None]:
    """Turn the system's errors into ours: without paths, which say nothing to a client."""
    try:
        yield
    except OSError as error:
        _log.warning("the store: %s", error)
        if error.errno in _FULL:
            raise OutOfSpaceError("the disk of the model registry is full") from error
        raise StoreError(f"the disk of the model registry fails: {error.strerror}") from error


def _is_abandoned(path: Path) -> bool:
    """Tell whether no process writes the file any more; another registry may still end on the same store."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
