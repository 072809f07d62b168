"""The commands on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefleet_devcluster import doctor
from edgefleet_devcluster.cli.options import add_command

if TYPE_CHECKING:
    import argparse

    from edgefleet_devcluster.cli.options import Commands


def add_to(commands: Commands) -> None:
    """Add the commands."""
    add_command(commands, "doctor", "tell what is missing on this machine, and what to do about it", _doctor)


def _doctor(_: argparse.Namespace) -> int:
    findings = doctor.examine()
    for finding in findings:
        print(finding)
    return 0 if all(finding.fine for finding in findings) else 1
