"""Bugs seeded into a copy of the firmware: the device test that is there for each must fail."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.agent_core import UPDATES, build_agent_check, run_agent_check
from support.contract_core import FIRMWARE

# Bounds and signs of a bug are not the point, so warnings and sanitizers are off.
_PLAIN: Final = ("SANITIZE=", "WARNINGS=-w")


@dataclass(frozen=True)
class Bug:
    """A mistake in a file of the core, and the test that finds it."""

    name: str
    file: str
    good: str
    bad: str
    test: str


def build_pristine(folder: Path) -> Path:
    """Copy the firmware and build it there, so that a seeded bug compiles one file; return the folder."""
    shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("build"))
    build_agent_check(folder / "firmware", folder / "build", _PLAIN)
    return folder


def find_bug(bug: Bug, pristine: Path, folder: Path) -> None:
    """Run the bug's test on the firmware as it is, which passes, and with the bug.

    Raises:
        AssertionError: the test does not find it, or the bug no longer fits the source.
    """
    assert run_agent_check(pristine / "build" / "agent_check", UPDATES, bug.test).returncode == 0
    shutil.copytree(pristine, folder / "bug")
    source = folder / "bug" / "firmware" / "core" / "src" / bug.file
    text = source.read_text()
    assert text.count(bug.good) == 1, "the seeded bug no longer fits the source"
    source.write_text(text.replace(bug.good, bug.bad))
    program = build_agent_check(folder / "bug" / "firmware", folder / "bug" / "build", _PLAIN)
    assert run_agent_check(program, UPDATES, bug.test).returncode != 0
