"""The `edgefleet` command line in this process: a program's start costs more than most of what it does."""

from pathlib import Path
from subprocess import CompletedProcess

from typer.testing import CliRunner

from edgefleet.entrypoints.cli.app import app


def run_edgefleet(*arguments: str | Path, **environment: str) -> CompletedProcess[str]:
    """Run a command line; an exception that a person would see as a traceback is raised."""
    given = [str(each) for each in arguments]
    done = CliRunner().invoke(app, given, env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(given, done.exit_code, done.stdout, done.stderr)
