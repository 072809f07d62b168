"""Programs that run beside us: started, recognised again after our own death, and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Sequence

_POLL_SECONDS = 0.02
_KILL_SECONDS = 5.0
_TAIL_LINES = 12
_TAIL_BYTES = 16_384


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command line that runs ``command`` only as long as this process lives.

    The kernel ties it to the *thread* that starts it: start it from one that lives as long as it shall.
    """
    return _launch("--parent", str(os.getpid()), command=command)


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of ours."""
    # -P: a folder named like one of our imports in the working directory must not be taken for it.
    return [sys.executable, "-P", "-m", module, *arguments]


def _launch(*options: str, command: Sequence[str]) -> list[str]:
    return python_module("edgefleet_devcluster.launch", *options, "--", *command)


def tail(log: Path) -> str:
    """Return the last lines of a log, indented; nothing if there is none."""
    text = _read(str(log))[-_TAIL_BYTES:].decode(errors="replace")
    return "\n".join(f"    {line[:500]}" for line in text.splitlines()[-_TAIL_LINES:])


def kill_group(leader: int, number: int = signal.SIGKILL) -> None:
    """Signal every process of the group; none left is fine."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


@dataclass(frozen=True)
class Identity:
    """A process for certain: its number alone may have been given to another one since."""

    pid: int
    started: int
    """Clock ticks from boot to its start; the same before and after exec."""
    boot: str
    program: str

    @classmethod
    def of(cls, pid: int, program: str) -> Identity:
        """Return the identity of a live process that is or becomes ``program``."""
        stat = _stat(pid)
        if stat is None:
            raise ProcessLookupError(pid)
        return cls(pid, stat[1], _boot(), program)

    @classmethod
    def read(cls, path: Path) -> Identity | None:
        """Return what a pid file says; None if it is missing or not one of ours."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Write the pid file, whole or not at all."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self)))
        partial.rename(path)

    def alive(self) -> bool:
        """Whether exactly this process still runs; a zombie does not."""
        stat = _stat(self.pid)
        if stat is None or stat[0] in "ZX" or stat[1] != self.started or _boot() != self.boot:
            return False
        # A state directory shared with another container: same boot, other process numbers.
        command = _read(f"/proc/{self.pid}/cmdline")
        return not command or self.program.encode() in command.split(b"\0")  # empty for a moment during exec

    def memory(self) -> int:
        """Return its memory in bytes, as `memory_of` counts it."""
        return memory_of(self.pid)


def memory_of(pid: int) -> int:
    """Return a process's memory in bytes, its share of what it has in common with others; 0 when it is gone.

    Four kubelets have one copy of their program in memory; resident sizes would count it four times.
    """
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def _stat(pid: int) -> tuple[str, int] | None:
    """Return the state letter and the start time."""
    # The name in parentheses may itself hold spaces and parentheses.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (fields[0].decode(), int(fields[19])) if len(fields) > 19 else None


@dataclass
class Program:
    """A long-running program with a pid file and a log, in a cluster's directory."""

    name: str
    directory: Path
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def pid_file(self) -> Path:
        """Who runs, for whoever comes after us."""
        return self.directory / "run" / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """What it wrote since its last start; the start before that is in ``.log.1``."""
        return self.directory / "log" / f"{self.name}.log"

    @property
    def identity(self) -> Identity | None:
        """The process, if it is alive."""
        if self._child is not None:
            self._child.poll()  # reaps: a dead child that nobody waits for stays as a zombie
        found = Identity.read(self.pid_file)
        return found if found and found.alive() else None

    def start(self, command: Sequence[str], *, detach: bool, namespace: Path | None = None) -> None:
        """Start it in the cluster's directory, in a process group of its own.

        Args:
            command: The program's absolute path and its arguments.
            detach: Whether it outlives this process; else the kernel ends it with us, even at kill -9.
            namespace: The file of the network namespace to run it in; by default ours.
        """
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        tie = ["--detach"] if detach else ["--parent", str(os.getpid())]
        if namespace:
            tie.append(f"--network={namespace}")
        with self.log.open("wb") as log:
            # Starts through `launch`: the pid file exists before the program runs, so no crash of ours loses it.
            child = subprocess.Popen(
                _launch("--pid-file", str(self.pid_file), *tie, command=command),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not detach:
            self._child = child
        elif child.wait() != 0:
            raise DevclusterError(self.death())

    def check(self) -> None:
        """Raise when it is not running any more, or not yet.

        Raises:
            DevclusterError: With the last lines of its log.
        """
        starting = self._child is not None and self._child.poll() is None
        if not starting and self.identity is None:
            raise DevclusterError(self.death())

    def death(self) -> str:
        """Describe how it ended, with the last lines of its log."""
        code = self._child.poll() if self._child is not None else None
        how = "" if code is None else f" with exit status {code}" if code >= 0 else f" by {signal.Signals(-code).name}"
        return f"{self.name} ended early{how}; the last lines of {self.log}:\n{self.tail()}"

    def tail(self) -> str:
        """Return the last lines of its log, indented."""
        return tail(self.log)

    def stop(self, grace: float) -> None:
        """End it: ask, wait ``grace`` seconds, then kill its process group.

        Raises:
            DevclusterError: It survives even that.
        """
        found = self.identity
        if found is not None:
            kill_group(found.pid, signal.SIGTERM)
            if not self._gone(found, grace):
                kill_group(found.pid)
                if not self._gone(found, _KILL_SECONDS):
                    raise DevclusterError(f"{self.name}, process {found.pid}, does not end: look at it and end it")
        if self._child is not None:
            # Perhaps still in `launch`, before its pid file.
            if self._child.poll() is None:
                kill_group(self._child.pid)
            self._child.wait()
            self._child = None
        self.pid_file.unlink(missing_ok=True)

    def _gone(self, found: Identity, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.identity == found:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True
