"""The virtual device as a process of its own: its flash, its log, its deaths.

options = {"broker": broker.address, "registry": registry.address, "inference-socket": server.path}
with Device(tmp_path, "press-07", authority=authority, keys=bundle, options=options) as device:
    device.await_said("connected")
"""

from __future__ import annotations

import functools
import hashlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from edgefleet.contracts.codec import encode
from support.contract_core import FIRMWARE, build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgefleet.contracts.keys import KeyBundle
    from support.authority import Authority

SLOT_BYTES: Final = 65536
MODEL_OFFSETS: Final = {"a": 0x10000, "b": 0x10000 + SLOT_BYTES}
STOPPED, USAGE, PANIC = 0, 64, 70
# With AddressSanitizer on two busy cores.
_SECONDS: Final = 20.0


@functools.cache
def build_device() -> Path:
    """Build edgefleet-device with sanitizers, outside the tree, and return its path."""
    return build_port("device") / "edgefleet-device"


@functools.cache
def build_check(part: str) -> Path:
    """Build the program that tests a part of the port alone, `flash`, `mqtt` or `swarm`, and return its path."""
    return build_port(f"{part}-check") / f"{part}_check"


def build_port(target: str, variant: str = "", variables: Sequence[str] = ()) -> Path:
    """Build a target of the port and return the folder that it is in; other variables are another variant."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    checkout = hashlib.sha256(str(FIRMWARE).encode()).hexdigest()[:12]  # two checkouts share no objects
    folder = cache / "edgefleet" / "firmware" / checkout / variant
    build(FIRMWARE, folder, [*variables, target])
    return folder


class Device:
    """One board: what is on disk survives its process.

    Attributes:
        device_id: in its certificate.
        identity: what provisioning wrote.
        state: its flash.
        log: what it says.
        program: what runs; edgefleet-device as it is, unless changed.
    """

    def __init__(
        self,
        folder: Path,
        device_id: str,
        *,
        authority: Authority,
        keys: KeyBundle,
        options: Mapping[str, object],
    ) -> None:
        """Provision a board; `options` are the program's, by their long names, over the defaults."""
        self.device_id = device_id
        self.identity = folder / "identity"
        self.state = folder / "state"
        self.log = folder / "device.log"
        self._provision(authority, keys)
        self.options = {"identity": self.identity, "state": self.state, **options}
        self.process: subprocess.Popen[bytes] | None = None
        self.program = build_device()

    def _provision(self, authority: Authority, keys: KeyBundle) -> None:
        """Write the whole identity, as `edgefleet device provision` does."""
        authority.issue(self.device_id, self.identity, stem="device")
        (self.identity / "keys.json").write_bytes(encode(keys))

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
        pairs = [(f"--{name}", str(value)) for name, value in self.options.items()]
        return [str(self.program), *(part for pair in pairs for part in pair)]

    def start(self) -> None:
        """Switch it on."""
        assert self.process is None, "it runs"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)

    def stop(self) -> int:
        """Tell it to stop and return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Cut its power."""
        assert self._end(signal.SIGKILL) == -signal.SIGKILL

    def await_end(self) -> int:
        """Wait until it ends by itself and return its exit status."""
        return self._end(None)

    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        assert self.process is not None
        columns = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")

    def said(self) -> str:
        """Its log, of all its starts."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def await_said(self, text: str) -> None:
        """Wait until the log has a text."""
        self._await(lambda: text in self.said(), text)

    def await_condition(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something outside of it has happened, while it runs."""
        self._await(happened, what)

    def slot(self, which: str, length: int) -> bytes:
        """The first bytes of a slot's model part, as they lie in flash."""
        with (self.state / "flash.bin").open("rb") as flash:
            flash.seek(MODEL_OFFSETS[which])
            return flash.read(length)

    def await_programmed(self, which: str, length: int) -> None:
        """Wait until so many bytes of a slot are no longer erased."""
        self._await(
            lambda: (self.state / "flash.bin").exists() and self.slot(which, length)[-16:] != b"\xff" * 16,
            f"{length} bytes in slot {which}",
        )

    def _await(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not happened():
            assert self.is_running(), f"it ended before {what}:\n{self.said()}"
            assert time.monotonic() < deadline, f"no {what}:\n{self.said()}"
            select.select([], [], [], 0.005)

    def _end(self, how: signal.Signals | None) -> int:
        assert self.process is not None, "it does not run"
        if how is not None:
            self.process.send_signal(how)
        try:
            return self.process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it does not end:\n{self.said()}") from None
        finally:
            self.process = None
