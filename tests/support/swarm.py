"""Thousands of virtual devices as one process.

with Swarm(tmp_path, authority=authority, keys=bundle, options={"count": 100, ...}) as swarm:
    swarm.await_census(lambda census: census["connected"] == 100)
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from edgefleet.contracts.codec import encode
from support.device import build_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgefleet.contracts.keys import KeyBundle
    from support.authority import Authority

STOPPED, USAGE, PANIC, LATE = 0, 64, 70, 75
_SECONDS: Final = 30.0


@functools.cache
def build_swarm(*, sanitized: bool = True) -> Path:
    """Build edgefleet-swarm outside the tree and return its path; for measuring, without sanitizers."""
    if sanitized:
        return build_port("swarm") / "edgefleet-swarm"
    return build_port("swarm", "release", ["SANITIZE=", "OPTIMISE=-O2"]) / "edgefleet-swarm"


class Swarm:
    """One process, many devices; their flash ends with it.

    Attributes:
        log: what it says.
        options: of the next start, by their long names; None for one without a value.
        process: None while it does not run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority,
        keys: KeyBundle,
        options: Mapping[str, object],
        sanitized: bool = True,
    ) -> None:
        """Make the identity that all devices show to the registry."""
        identity = authority.issue("swarm-00", folder / "identity", stem="device")
        (identity.folder / "keys.json").write_bytes(encode(keys))
        self.log = folder / "swarm.log"
        self.options = {"identity": identity.folder, **options}
        self.process: subprocess.Popen[bytes] | None = None
        self._program = build_swarm(sanitized=sanitized)
        self._printed = folder / "swarm.json"
        self._asked = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        status = self.stop() if self.process is not None else STOPPED
        if kind is None:
            assert status == STOPPED, self.said()
            assert "Sanitizer" not in self.said(), self.said()

    def command(self) -> list[str]:
        """The whole command line."""
        words = [str(self._program)]
        for name, value in self.options.items():
            words += [f"--{name}"] if value is None else [f"--{name}", str(value)]
        return words

    def start(self) -> None:
        """Switch all devices on."""
        assert self.process is None, "it runs"
        self._asked = 0
        with self.log.open("ab") as log, self._printed.open("wb") as printed:
            log.truncate(0)
            self.process = subprocess.Popen(self.command(), stdout=printed, stderr=log)

    def stop(self) -> int:
        """Tell it to stop and return its exit status."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.await_end()

    def await_end(self, seconds: float = _SECONDS) -> int:
        """Wait until it ends and return its exit status."""
        assert self.process
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it does not end:\n{self.said()[-4000:]}") from None
        finally:
            self.process = None

    def said(self) -> str:
        """Its log, since its last start."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def last_census(self) -> dict[str, Any]:
        """The last line of JSON that it printed."""
        return json.loads(self._printed.read_text().splitlines()[-1])

    def take_census(self) -> dict[str, Any]:
        """Ask it for a line."""
        assert self.process
        if self._asked == 0:
            self.await_said(" devices, ")  # before that the signal would end it
        self._asked += 1
        self.process.send_signal(signal.SIGUSR1)
        self._await(lambda: self._printed.read_bytes().count(b"\n") >= self._asked, "line of JSON")
        return self.last_census()

    def await_census(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until the answer is as wanted."""
        deadline = time.monotonic() + _SECONDS
        while not wanted(census := self.take_census()):
            assert time.monotonic() < deadline, f"{census}\n{self.said()[-4000:]}"
            select.select([], [], [], 0.05)
        return census

    def await_said(self, text: str) -> None:
        """Wait until the log has a text."""
        self._await(lambda: text in self.said(), text)

    def _await(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not happened():
            assert self.process
            assert self.process.poll() is None, f"it ended before {what}:\n{self.said()[-4000:]}"
            assert time.monotonic() < deadline, f"no {what}:\n{self.said()[-4000:]}"
            select.select([], [], [], 0.005)


def read_cpu_seconds(process: int) -> float:
    """Processor time that a process has used, its ended children's not counted."""
    columns = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")
