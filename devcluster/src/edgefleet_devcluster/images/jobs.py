"""The programs that make one image: each with its words in the log, ended with us, and heard of while it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.processes import kill_group, tethered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgefleet_devcluster.binaries.sources import Progress

_POLL_SECONDS = 0.1
_TAIL_LINES = 15
_TAIL_BYTES = 16_384
_STATE_CHARACTERS = 100

_HINTS = (
    (
        ("No space left on device", "no space left on device"),
        "the disk is full: free some space, or set EDGEFLEET_CACHE to a directory on a larger one",
    ),
    (("NO_PUBKEY",), "Debian's keys are missing: `apt-get install debian-archive-keyring`"),
    (
        ("Temporary failure resolving", "Could not resolve", "Could not connect", "dial tcp", "no such host"),
        "a server did not answer: check the network, and apt's sources and proxy",
    ),
)
"""What is likely wrong where these words are among the last ones."""
_PRIVATE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def private(command: Sequence[str]) -> list[str]:
    """Return the command line whose mounts and processes are gone when it ends, even at kill -9; root alone may."""
    return [*_PRIVATE, *command]


@dataclass(frozen=True)
class Job:
    """The making of one image."""

    log: Path
    progress: Progress
    folder: Path
    """For this job alone; it is there and empty at the start, and removed afterwards."""

    def run(
        self, command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Run a program to its end.

        Args:
            command: The program, found on PATH, and its arguments.
            cwd: Where it runs; by default in the job's folder.
            environment: Variables besides ours.

        Raises:
            DevclusterError: It is missing, or it failed; the message has its last words and the log's path.
        """
        program = shutil.which(command[0])
        if program is None:
            raise DevclusterError(f"no `{command[0]}` on PATH: install it")
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                tethered([program, *command[1:]]),
                cwd=cwd or self.folder,
                env=os.environ | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with process:
            try:
                while process.poll() is None:
                    self.progress.beat(self._state())
                    time.sleep(_POLL_SECONDS)
            except BaseException:
                # Ctrl-C included.
                kill_group(process.pid)
                raise
        if process.returncode != 0:
            raise DevclusterError(self._failure(_shown(command), process.returncode))

    def _lines(self) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            # A progress bar draws over its line.
            text = log.read().decode(errors="replace").replace("\r", "\n")
        return [line.rstrip() for line in text.splitlines() if line.strip()]

    def _state(self) -> str:
        lines = self._lines()
        return lines[-1][:_STATE_CHARACTERS] if lines else "started"

    def _failure(self, what: str, returncode: int) -> str:
        lines = self._lines()
        hint = next(
            (f" ({text})" for words, text in _HINTS if any(word in line for line in lines for word in words)), ""
        )
        tail = "\n".join(f"    {line[:500]}" for line in lines[-_TAIL_LINES:])
        return f"`{what}` failed with exit status {returncode}{hint}; the last lines of {self.log}:\n{tail}"


def _shown(command: Sequence[str]) -> str:
    words = command[len(_PRIVATE) :] if tuple(command[: len(_PRIVATE)]) == _PRIVATE else command
    return " ".join([words[0], *[word for word in words[1:] if not word.startswith("-")][:1]])
