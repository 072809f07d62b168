"""Runs `edgefleet` in this process, as wide as the documentation is."""

from __future__ import annotations

from subprocess import CompletedProcess
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from edgefleet.entrypoints.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path


def run_edgefleet(
    *arguments: str | Path, stdin: str | bytes | None = None, **environment: str
) -> CompletedProcess[str]:
    """Returns what was printed and the exit status; raises what the command did not handle."""
    given = [str(each) for each in arguments]
    done = CliRunner().invoke(app, given, input=stdin, env={"COLUMNS": "100"} | environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(given, done.exit_code, done.stdout, done.stderr)
