"""`edgefleet lint`: reads a folder, prints what to mend."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgefleet.entrypoints.cli.git_revision import PREFIX, GitError, read_revision
from edgefleet.manifests import lint as linting
from edgefleet.manifests.findings import Finding
from edgefleet.manifests.folder import SUFFIXES, Reading, read_files, read_folder


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def lint(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of manifests, or - for standard input.")],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|git:REV",
            help="Also check what may not change from there: another folder, or this one at a Git revision.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print findings.")] = Format.TEXT,
    strict: Annotated[bool, typer.Option(help="Warnings fail too.")] = False,
) -> None:
    """Check manifests offline, with the API server's verdict, and what could never work.

    Exit status: 0 nothing to mend (warnings allowed), 1 something to mend, 2 not run.
    """
    reading = _read(folder)
    report = linting.lint(reading, _read_against(against, folder) if against else None)
    _print(report, output, folder)
    if report.errors or (strict and report.warnings):
        raise typer.Exit(1)


def _fail(message: str) -> NoReturn:
    typer.echo(f"edgefleet lint: {message}", err=True)
    raise typer.Exit(2)


def _read(folder: str) -> Reading:
    if folder == "-":
        return read_files({"-": sys.stdin.buffer.read()})
    path = Path(folder)
    if not path.exists():
        _fail(f"{folder} does not exist")
    try:
        if path.is_file():
            return read_files({path.name: path.read_bytes()})
        reading = read_folder(path)
    except OSError as problem:
        _fail(f"{problem.filename}: {problem.strerror}")
    if not reading.files:
        _fail(f"{folder} holds no {', '.join(sorted(SUFFIXES))} file")
    return reading


def _read_against(against: str, folder: str) -> Reading:
    if not against.startswith(PREFIX):
        return _read(against)
    revision = against.removeprefix(PREFIX)
    if folder == "-" or revision.startswith("-"):
        _fail(f"--against {PREFIX}REV needs a folder and a revision")
    try:
        return read_revision(folder, revision)
    except GitError as problem:
        _fail(str(problem))


def _print(report: linting.Report, output: Format, folder: str) -> None:
    if output is Format.JSON:
        typer.echo(json.dumps(_to_json(report), indent=2))
        return
    for finding in report.findings:
        typer.echo(_to_github(finding, folder) if output is Format.GITHUB else str(finding))
    typer.echo(
        f"{report.objects} objects in {report.files} files: {report.errors} errors, {report.warnings} warnings",
        err=True,
    )


def _to_json(report: linting.Report) -> dict[str, object]:
    return {
        "files": report.files,
        "objects": report.objects,
        "errors": report.errors,
        "warnings": report.warnings,
        "findings": [
            {
                "severity": finding.severity,
                "file": finding.place.file,
                "line": finding.place.line,
                "object": finding.where,
                "field": finding.field,
                "rule": finding.rule,
                "message": finding.message,
            }
            for finding in report.findings
        ],
    }


def _to_github(finding: Finding, folder: str) -> str:
    """Returns a workflow command, which GitHub shows beside the line in the pull request."""
    said = ": ".join(part for part in (finding.where, finding.field, finding.message) if part)
    escaped = said.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    file = (Path(folder) / finding.place.file).as_posix()
    return f"::{finding.severity} file={file},line={finding.place.line},title={finding.rule}::{escaped}"
