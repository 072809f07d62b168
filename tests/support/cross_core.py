"""The firmware's core on other processors, built here and run in QEMU: see firmware/port/qemu."""

import fcntl
import functools
import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from support.contract_core import FIRMWARE, ROOT

PROCESSORS = ("rv32imac", "cortex-m3")
UPDATES = ROOT / "tests" / "golden" / "updates"
_QEMU = {
    "rv32imac": ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
    "cortex-m3": ("qemu-system-arm", "-M", "mps2-an385"),
}
_CONSOLE = ("-display", "none", "-serial", "none", "-monitor", "none", "-chardev", "stdio,id=door")


def make(
    firmware: Path, folder: Path, targets: Sequence[str], variables: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run make in a firmware tree with a build folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test runs of one user share the folder
        return subprocess.run(
            ["make", "-C", firmware, "-j2", f"BUILD={folder}", *variables, *targets],
            capture_output=True,
            text=True,
            check=False,
        )


def build(firmware: Path, folder: Path, programs: Sequence[str], variables: Sequence[str] = ()) -> Path:
    """Build programs such as `rv32imac/board.elf` and return the folder.

    Raises:
        AssertionError: make failed; its output says why.
    """
    done = make(firmware, folder, [str(folder / program) for program in programs], variables)
    assert done.returncode == 0, f"the firmware does not build:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return folder


@functools.cache
def cache_folder() -> Path:
    """Where this checkout's programs are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    checkout = hashlib.sha256(str(FIRMWARE).encode()).hexdigest()[:12]  # two checkouts share no objects
    return cache / "edgefleet" / "firmware" / f"{checkout}-cross"


def run(
    folder: Path, processor: str, program: str, *arguments: str, files: Path = UPDATES, limit: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a program in QEMU on the files of a folder; QEMU's exit status is the program's."""
    door = ",".join(("enable=on,target=native,chardev=door", *(f"arg={argument}" for argument in arguments)))
    command = [*_QEMU[processor], *_CONSOLE, "-semihosting-config", door]
    return subprocess.run(
        [*command, "-kernel", folder / processor / f"{program}.elf"],
        cwd=files,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=limit,
    )
