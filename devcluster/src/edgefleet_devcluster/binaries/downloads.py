"""Files from release sites: resumed where they broke off, and checked against their digest while they come."""

from __future__ import annotations

import hashlib
import http.client
import re
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from edgefleet_devcluster.binaries.web import Client, CutError, DownloadError, Patience, SiteError, shown

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES = 256 * 1024
_LARGEST_BYTES = 2 * 1024**3
"""More is no release of ours: a server that never ends must not fill the disk."""
_ATTEMPTS = 5
# Answers that are about the site or the way to it, not about the file.
_REFUSALS = (401, 403, 407, 429)


class Watch(Protocol):
    """Hears how far a download is."""

    def __call__(self, received: int, total: int | None, /) -> None:
        """Take the bytes that are here and those there will be, None if the server does not tell."""
        ...


@dataclass(frozen=True)
class Digest:
    """What a file must hash to."""

    algorithm: str
    value: str
    """In lower-case hexadecimal."""

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``sha256:<64 digits>`` or ``sha512:<128 digits>``.

        Raises:
            ValueError: It is something else.
        """
        if not re.fullmatch(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", text):
            raise ValueError(f"{text!r} is no digest: write sha256: or sha512: and the lower-case hexadecimal digits")
        algorithm, _, value = text.partition(":")
        return cls(algorithm, value)


class Downloader:
    """Downloads files."""

    def __init__(self, patience: Patience) -> None:
        """Start with all of the patience."""
        self._client = Client(patience)

    def fetch(self, url: str, path: Path, digest: Digest, watch: Watch) -> None:
        """Download the file to ``path``; what an earlier call left there is used.

        A download that breaks off leaves what it has in ``path``; one with the wrong digest leaves nothing.

        Raises:
            SiteError: The site cannot be reached, refuses, or broke off too often.
            DownloadError: The site has no such file, or one with another digest.
        """
        with closing(_Partial(path, digest)) as partial:
            resumed = partial.size > 0
            # Perhaps an earlier run ended between the last byte and the use of it.
            if not (resumed and partial.complete()):
                self._pull(url, partial, watch)
        if partial.complete():
            return
        path.unlink(missing_ok=True)
        if not resumed:
            raise DownloadError(
                f"the {digest.algorithm} digest of {shown(url)} is {partial.value}, but {digest.value} is pinned: "
                "the file was deleted"
            )
        # What was there may have been damaged, by a power cut for example.
        self.fetch(url, path, digest, watch)

    def _pull(self, url: str, partial: _Partial, watch: Watch) -> None:
        """Ask until everything is here, each time from where the last answer broke off."""
        for attempt in range(1, _ATTEMPTS + 1):
            before = partial.size
            try:
                self._receive(url, partial, watch)
            except CutError as error:
                if attempt == _ATTEMPTS or partial.size <= before:
                    raise SiteError(f"{shown(url)} broke off after {partial.size} bytes: {error}") from error
            else:
                return

    def _receive(self, url: str, partial: _Partial, watch: Watch) -> None:
        headers = {"Accept-Encoding": "identity"}
        if partial.size:
            headers["Range"] = f"bytes={partial.size}-"
        with self._client.ask(url, headers) as response:
            status = response.status
            if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and partial.size:
                # What is here has every byte, but is not the file.
                partial.restart()
                self._receive(url, partial, watch)
                return
            _check_status(url, response)
            if status != HTTPStatus.PARTIAL_CONTENT:
                partial.restart()
            elif not response.getheader("Content-Range", "").startswith(f"bytes {partial.size}-"):
                raise DownloadError(f"{shown(url)} answers with another part than was asked for")
            self._store(url, response, partial, watch)

    def _store(self, url: str, response: http.client.HTTPResponse, partial: _Partial, watch: Watch) -> None:
        total = None if response.length is None else partial.size + response.length
        watch(partial.size, total)
        while chunk := _read(response):
            partial.write(chunk)
            watch(partial.size, total)
            if partial.size > _LARGEST_BYTES:
                partial.restart()
                raise DownloadError(f"{shown(url)} does not end after {_LARGEST_BYTES} bytes")
        if total is not None and partial.size < total:
            raise CutError(f"the server closed the connection at {partial.size} of {total} bytes")


class _Partial:
    """The file as far as it is here, with the digest of that."""

    def __init__(self, path: Path, digest: Digest) -> None:
        self._path = path
        self._wanted = digest
        self._file = path.open("a+b")
        self._file.seek(0)
        self._hash = hashlib.new(digest.algorithm)
        self.size = 0
        while chunk := self._file.read(_CHUNK_BYTES):
            self._hash.update(chunk)
            self.size += len(chunk)

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        self._file.truncate(0)
        self._hash = hashlib.new(self._wanted.algorithm)
        self.size = 0

    @property
    def value(self) -> str:
        return self._hash.hexdigest()

    def complete(self) -> bool:
        return self.value == self._wanted.value

    def close(self) -> None:
        self._file.close()
        if not self.size:
            self._path.unlink()


def _check_status(url: str, response: http.client.HTTPResponse) -> None:
    status, reason = response.status, response.reason
    if status in _REFUSALS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SiteError(f"{urlsplit(url).hostname} answers {status} {reason}")
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise DownloadError(f"{shown(url)} answers {status} {reason}")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        # read1: what has come is kept even if nothing follows.
        return response.read1(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise CutError.of(error) from error
