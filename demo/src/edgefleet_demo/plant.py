"""The virtual ESP32s of the demo: started, looked at and ended. What keeps them running is `supervisor`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgefleet_demo import supervisor
from edgefleet_devcluster.processes import Program, python_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOCKET: Final = "inference.socket"
"""Relative to the plant's folder, in which all of its programs run: absolute paths can be too long for a socket."""
_GRACE_SECONDS: Final = 12.0


@dataclass(frozen=True)
class DeviceProcess:
    """How a device's program is."""

    pid: int | None
    """None while it does not run."""
    starts: int
    """How often it was started."""
    status: int | None
    """How it ended last; negative for a signal, None if it never did."""
    given_up: bool
    """Whether it is not started again: its arguments are wrong, as its log tells."""


class Plant:
    """The programs of one folder."""

    def __init__(self, folder: Path) -> None:
        """Look at the plant of a folder, which need not exist."""
        self._folder = folder
        self._program = Program("plant", folder)

    @property
    def running(self) -> bool:
        """Whether somebody keeps the devices running."""
        return self._program.identity is not None

    @property
    def logs(self) -> Path:
        """One file a device, ``inference.log`` and ``plant.log``."""
        return self._folder / "log"

    def runs(self, devices: Mapping[str, Sequence[str]]) -> bool:
        """Tell whether it keeps exactly these devices running, by their commands and their programs as they are now."""
        file = self._folder / supervisor.SETTINGS
        return self.running and file.exists() and file.read_text() == _settings(devices)

    def start(self, devices: Mapping[str, Sequence[str]], *, detach: bool = True) -> bool:
        """Run these devices and no others; return False if exactly they run already.

        Args:
            devices: The command of each.
            detach: Whether they outlive this process; else the kernel ends them with it.
        """
        if self.runs(devices):
            return False
        self.stop()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / supervisor.SETTINGS).write_text(_settings(devices))
        self._program.start(python_module("edgefleet_demo.supervisor", str(self._folder)), detach=detach)
        return True

    def stop(self) -> bool:
        """End all of it; return False if nothing ran."""
        running = self.running
        self._program.stop(_GRACE_SECONDS)
        return running

    def states(self) -> dict[str, DeviceProcess]:
        """Return how each device's program is; nothing before the first was started."""
        try:
            found: dict[str, dict[str, Any]] = json.loads((self._folder / supervisor.STATES).read_text())
        except OSError:
            return {}
        return {
            name: DeviceProcess(
                state.get("pid"), state.get("starts", 0), state.get("status"), state.get("givenUp", False)
            )
            for name, state in found.items()
            if name != "inference"
        }

    def check(self) -> None:
        """Raise when nobody keeps the devices running.

        Raises:
            DevclusterError: With the last lines of the log.
        """
        self._program.check()


def _settings(devices: Mapping[str, Sequence[str]]) -> str:
    inference = python_module("edgefleet_tflm", "serve", "--socket", SOCKET)
    programs = {name: Path(command[0]).stat() for name, command in devices.items()}
    content = {
        "socket": SOCKET,
        "inference": inference,
        "devices": {name: [*command] for name, command in devices.items()},
        # A program that was built anew is another one.
        "programs": {name: [found.st_size, found.st_mtime_ns] for name, found in programs.items()},
    }
    return json.dumps(content, indent=1)
