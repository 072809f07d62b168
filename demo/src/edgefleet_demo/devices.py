"""The boards: their program built, each provisioned once, and the command that runs each."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from edgefleet_demo.errors import DemoError
from edgefleet_demo.places import REPOSITORY
from edgefleet_demo.plant import SOCKET

if TYPE_CHECKING:
    from edgefleet_demo.places import Places
    from edgefleet_demo.platform import Endpoints
    from edgefleet_demo.target import Target

_FIRMWARE: Final = REPOSITORY / "firmware"
PROGRAM: Final = _FIRMWARE / "build" / "release" / "edgefleet-device"
SLOT_BYTES: Final = 65536
MODEL_OFFSETS: Final = {"a": 0x10000, "b": 0x10000 + SLOT_BYTES}
"""Where flash.bin has the models."""


def build() -> None:
    """Build the device's program, if it is not up to date.

    Raises:
        DemoError: It does not build, with the compiler's words.
    """
    # Beside the build that tests use: without sanitizers, as on a board.
    command = ["make", f"--directory={_FIRMWARE}", f"BUILD={PROGRAM.parent}", "SANITIZE=", "OPTIMISE=-O2", "device"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not PROGRAM.exists():
        raise DemoError(f"the firmware does not build: {done.stderr.strip()[-2000:]}")


def provision(target: Target, places: Places, devices: list[str]) -> None:
    """Give each device an identity, unless it has one of this cluster.

    A device whose identity another authority issued is flashed anew.

    Raises:
        DemoError: The command line refused, with its words.
    """
    authority = (places.credentials / "ca.crt").read_bytes().strip()
    for device in devices:
        known = places.identity(device) / "ca.crt"
        if known.exists() and known.read_bytes().strip() != authority:
            shutil.rmtree(places.identity(device))
            shutil.rmtree(places.flash(device), ignore_errors=True)
    target.edgefleet("device", "provision", *devices, f"--out={places.identities}")


def command(places: Places, device: str, endpoints: Endpoints) -> list[str]:
    """Return the command that runs a device in the plant's folder."""
    flash = places.flash(device)
    flash.mkdir(parents=True, exist_ok=True)
    return [
        str(PROGRAM),
        f"--identity={places.identity(device)}",
        f"--state={flash}",
        f"--broker={endpoints.broker}",
        f"--registry={endpoints.registry}",
        f"--registry-name={endpoints.registry_name}",
        f"--inference-socket={SOCKET}",
    ]


def model_bytes(places: Places, device: str, slot: str, size: int) -> bytes:
    """Return what lies at the start of a slot of a device's flash."""
    with (places.flash(device) / "flash.bin").open("rb") as flash:
        flash.seek(MODEL_OFFSETS[slot])
        return flash.read(size)
