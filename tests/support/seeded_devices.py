"""Devices with a bug: a copy of the firmware is built with one mistake, and edgefleet-device comes out of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.contract_core import FIRMWARE, build

# Bounds and signs of a bug are not the point, so warnings and sanitizers are off.
_PLAIN: Final = ("SANITIZE=", "WARNINGS=-w")


@dataclass(frozen=True)
class Bug:
    """A mistake in a file of the firmware."""

    name: str
    file: str
    good: str
    bad: str


def build_pristine(folder: Path) -> Path:
    """Copy the firmware and build the device there, so that a bug compiles one file; return the program."""
    shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("build"))
    return _build(folder)


def build_with(bug: Bug, pristine: Path, folder: Path) -> Path:
    """Build the device with a bug; return the program.

    Args:
        bug: what is wrong with it.
        pristine: the program that `build_pristine` returned.
        folder: to be made.
    """
    shutil.copytree(pristine.parents[1], folder)
    source = folder / "firmware" / bug.file
    text = source.read_text()
    assert text.count(bug.good) == 1, "the seeded bug no longer fits the source"
    source.write_text(text.replace(bug.good, bug.bad))
    return _build(folder)


def _build(folder: Path) -> Path:
    build(folder / "firmware", folder / "build", [*_PLAIN, "device"])
    return folder / "build" / "edgefleet-device"
