"""Keeps a plant's devices running: `python -m edgefleet_demo.supervisor SETTINGS`, a process of its own.

A device that exits is a board that reset: it is started again. One that keeps dying is left alone for longer each time.
Everything ends with this process: the kernel sees to it even at kill -9.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgefleet_devcluster.processes import tethered

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS: Final = "settings.json"
STATES: Final = "states.json"
USAGE: Final = 64
"""Exit status of a device whose arguments or files are wrong: another start would find the same."""
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 30.0
_LIVED_SECONDS: Final = 10.0
_END_SECONDS: Final = 5.0
_SOCKET_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05


@dataclass
class RestartPolicy:
    """When a program that ended is started again."""

    early: int = 0
    """Ends in a row, each soon after its start."""

    def after(self, status: int, lived: float) -> float | None:
        """Return the seconds to wait before the next start; None for never.

        Args:
            status: The exit status; negative for a signal.
            lived: Seconds from its start to its end.
        """
        if status == USAGE:
            return None
        self.early = 1 if lived >= _LIVED_SECONDS else self.early + 1
        return min(_FIRST_PAUSE_SECONDS * 2 ** (self.early - 1), _LONGEST_PAUSE_SECONDS)


class Supervisor:
    """The programs of one plant, in the folder that holds their settings."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Take the settings: ``socket``, ``inference`` (a command) and ``devices`` (a command each)."""
        self._folder = folder
        self._settings = settings
        self._states: dict[str, dict[str, Any]] = {}
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = False

    async def run(self) -> None:
        """Start everything; return when all of it has ended after SIGTERM or SIGINT."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        self._end_leftovers()
        socket = self._folder / self._settings["socket"]
        socket.unlink(missing_ok=True)
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._keep("inference", self._settings["inference"]))]
            await asyncio.to_thread(_await_file, socket, _SOCKET_SECONDS)
            for name, command in self._settings["devices"].items():
                keepers.append(group.create_task(self._keep(name, command)))
            await ended.wait()
            self._stopping = True
            await self._end()
            for keeper in keepers:
                keeper.cancel()

    async def _keep(self, name: str, command: Sequence[str]) -> None:
        policy, starts = RestartPolicy(), 0
        with (self._folder / "log" / f"{name}.log").open("ab") as log:
            while not self._stopping:
                started = time.monotonic()
                child = await asyncio.create_subprocess_exec(
                    *tethered(command), cwd=self._folder, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
                )
                starts += 1
                self._children[name] = child
                self._note(name, pid=child.pid, starts=starts)
                status = await child.wait()
                pause = policy.after(status, time.monotonic() - started)
                self._note(name, pid=None, status=status, givenUp=pause is None)
                if pause is None:
                    return
                await asyncio.sleep(pause)

    def _note(self, name: str, **known: Any) -> None:
        """Write down how the programs are, for whoever looks."""
        self._states.setdefault(name, {}).update(known)
        partial = self._folder / f".{STATES}"
        partial.write_text(json.dumps(self._states, indent=1))
        partial.rename(self._folder / STATES)

    async def _end(self) -> None:
        # Devices first: without inference they would panic instead of saying goodbye.
        for last in (False, True):
            left = [child for name, child in self._children.items() if (name == "inference") is last]
            self._signal(left, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await asyncio.gather(*(child.wait() for child in left))
            self._signal(left, signal.SIGKILL)

    @staticmethod
    def _signal(children: list[asyncio.subprocess.Process], number: int) -> None:
        for child in children:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.send_signal(number)

    def _end_leftovers(self) -> None:
        """Forget what an earlier process wrote; its programs ended with it."""
        (self._folder / STATES).unlink(missing_ok=True)
        (self._folder / "log").mkdir(exist_ok=True)


def _await_file(file: Path, seconds: float) -> None:
    """Wait until inference answers: a device that finds nobody would reset at once."""
    end = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)


def main() -> None:
    """Supervise the plant of the folder that is the only argument."""
    folder = Path(sys.argv[1])
    os.chdir(folder)
    asyncio.run(Supervisor(folder, json.loads((folder / SETTINGS).read_text())).run())


if __name__ == "__main__":
    main()
