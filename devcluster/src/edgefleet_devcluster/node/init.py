"""The first process of a node: ``python -m edgefleet_devcluster.node.init SPEC``, process 1 of its own namespaces.

Whoever starts it (see `machine`) gives it a network, mount, process and host name namespace of its own. It builds the
node's file tree there, starts the node's programs, starts again those that end, and reaps what containers leave behind.
When it ends, however it ends, the kernel ends every process of the node and with them the last users of its mounts.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edgefleet_devcluster.node import mounts

_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# Who ran this long was fine: the next pause is the first one again.
_STEADY_SECONDS = 60.0
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Task:
    """A program of the node."""

    name: str
    command: list[str]
    log: str
    """Its path as seen from outside; opened before the node's own file tree is built."""


@dataclass(frozen=True)
class Spec:
    """All that the first process needs to know."""

    hostname: str
    cgroups: list[str]
    """Folders of the group that the node's own programs run in."""
    path: str
    """Where programs look for other programs."""
    binds: dict[str, str]
    """Place outside -> place inside, folders or files."""
    sysctls: dict[str, str]
    """Name with slashes -> value, in the node's network namespace."""
    setup: list[list[str]]
    """Commands to run once, before the tasks."""
    tasks: list[Task]

    @classmethod
    def read(cls, path: Path) -> Spec:
        """Read what `write` wrote."""
        found = json.loads(path.read_text())
        return cls(**(found | {"tasks": [Task(**task) for task in found["tasks"]]}))

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self), indent=1))
        partial.rename(path)


@dataclass
class _Running:
    """One task over time."""

    task: Task
    log: int
    pid: int = 0
    started: float = 0.0
    due: float = 0.0
    pause: float = field(default=_FIRST_PAUSE_SECONDS)

    def start(self) -> None:
        """Start it; a start that fails is tried again later."""
        command = self.task.command
        self.started = time.monotonic()
        try:
            self.pid = os.posix_spawn(
                command[0],
                command,
                dict(os.environ),
                file_actions=[(os.POSIX_SPAWN_DUP2, self.log, 1), (os.POSIX_SPAWN_DUP2, self.log, 2)],
                setpgroup=0,
                setsigmask=[],
            )
        except OSError as error:
            self.ended(f"cannot start: {error}")

    def ended(self, how: str) -> None:
        """Plan the next start; until then there is no process."""
        now = time.monotonic()
        if now - self.started > _STEADY_SECONDS:
            self.pause = _FIRST_PAUSE_SECONDS
        _say(f"{self.task.name}: {how}")
        self.pid, self.due = 0, now + self.pause
        self.pause = min(2 * self.pause, _LONGEST_PAUSE_SECONDS)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def build_tree(spec: Spec) -> None:
    """Give the node places of its own where its programs expect them, and share the rest with the machine."""
    mounts.share_everything()
    handles = {inside: mounts.open_place(outside) for outside, inside in spec.binds.items()}
    # What is there belongs to the machine: its own containers, kubelets, locks and sockets.
    for place in ("/run", "/var/lib"):
        mounts.mount("tmpfs", place, "tmpfs")
    for inside, handle in handles.items():
        mounts.bind(handle, Path(inside))
        os.close(handle)
    Path("/run/lock").mkdir()
    mounts.mount("proc", "/proc", "proc", mounts.MS_NOSUID_NODEV_NOEXEC)


def prepare(spec: Spec) -> None:
    """Do what has to be done before the first program runs."""
    for folder in spec.cgroups:
        (Path(folder) / "cgroup.procs").write_text("0")
    socket.sethostname(spec.hostname)
    build_tree(spec)
    for name, value in spec.sysctls.items():
        (Path("/proc/sys") / name).write_text(value)
    for command in spec.setup:
        subprocess.run(command, check=True)


def _reap(tasks: list[_Running]) -> None:
    """Collect every process that ended: tasks, and orphans of containers, which became our children."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for task in tasks:
            if task.pid == pid:
                code = os.waitstatus_to_exitcode(status)
                task.ended(f"exit status {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}")


def _supervise(tasks: list[_Running]) -> None:
    """Keep the tasks running until somebody asks us to end."""
    while True:
        _reap(tasks)
        now = time.monotonic()
        for task in tasks:
            if not task.pid and task.due <= now:
                task.start()
        waiting = [task.due - now for task in tasks if not task.pid]
        received = signal.sigtimedwait(_SIGNALS, max(0.01, min(waiting))) if waiting else signal.sigwaitinfo(_SIGNALS)
        if received is not None and received.si_signo != signal.SIGCHLD:
            return


def _end(tasks: list[_Running]) -> None:
    """Ask the tasks to end, the last one first; the kernel ends what stays."""
    for task in reversed(tasks):
        if task.pid:
            os.kill(task.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(task.pid for task in tasks) and (left := deadline - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left)
        _reap(tasks)


def main() -> None:
    """Build the node, run its programs, end."""
    spec = Spec.read(Path(sys.argv[1]))
    os.environ["PATH"] = spec.path
    # Blocked from here on and waited for: process 1 gets only signals that it expects.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    tasks = [
        _Running(task, os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
        for task in spec.tasks
    ]
    prepare(spec)
    _say(f"{spec.hostname} is built")
    _supervise(tasks)
    _end(tasks)


if __name__ == "__main__":
    main()
