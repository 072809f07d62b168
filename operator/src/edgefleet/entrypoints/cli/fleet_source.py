"""Where `plan` and `explain` get a fleet from: a folder, a live cluster, or what kubectl printed of one."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer

from edgefleet.adapters.kubernetes.kubeconfig import ClusterError
from edgefleet.controllers.classes import CLASS_SELECTOR
from edgefleet.entrypoints.cli.git_revision import PREFIX, GitError, read_revision
from edgefleet.forecasting.aftermath import load_after
from edgefleet.forecasting.loading import Loading, RefusedError, load_fleet
from edgefleet.forecasting.overlay import LiveError
from edgefleet.forecasting.snapshot import SnapshotError, read_snapshot
from edgefleet.forecasting.tree import Paint, Style, leave_plain
from edgefleet.manifests.folder import SUFFIXES, Reading, read_files, read_folder
from edgefleet.manifests.lint import lint
from edgefleet.runtime.ports import Object

STDIN = "-"
WIDTH = 100
"""Columns where there is no terminal."""
_COLOURS: dict[Style, str | None] = {"good": "green", "warn": "yellow", "bad": "red"}


class SourceError(Exception):
    """There is nothing to read from; says what and why, for a person."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was asked for on the command line.

    Attributes:
        folder: of manifests, a file, "-" for standard input; None: the live objects alone.
        against: a kube context, a snapshot file, "-", "git:REV"; None: nothing.
        namespace: of objects that name none; for live objects alone, the only one to look at.
        kubeconfig: instead of kubectl's.
        now: POSIX seconds.
        prune: live objects that are not declared leave, whoever applied them.
        rate_per_minute: commands to all devices of a namespace; None for no bound.
    """

    folder: str | None
    against: str | None
    namespace: str | None
    kubeconfig: Path | None
    now: float
    prune: bool = False
    rate_per_minute: int | None = None

    def load(self) -> Loading:
        """Return the fleet.

        Raises:
            SourceError: something cannot be read.
            RefusedError: the manifests have errors.
        """
        if self.folder == STDIN and self.against == STDIN:
            raise SourceError("standard input is either the manifests or the live objects")
        if self.against is not None and self.against.startswith(PREFIX):
            return self._load_after(self.against)
        reading = read_manifests(self.folder) if self.folder is not None else Reading((), (), 0)
        live, own = self._read_live(reading)
        if self.folder is None and self.namespace is not None and live is not None:
            live = [each for each in live if (each.get("metadata") or {}).get("namespace") == self.namespace]
        namespace = self.namespace or own or _guess_namespace(live)
        try:
            return load_fleet(
                reading,
                live,
                now=self.now,
                namespace=namespace,
                prune=self.prune,
                rate_per_minute=self.rate_per_minute,
            )
        except LiveError as problem:
            raise SourceError(str(problem)) from None

    def _load_after(self, against: str) -> Loading:
        """Return the fleet over another revision of its folder."""
        if self.folder is None or self.folder == STDIN:
            raise SourceError(f"--against {against} needs a folder")
        reading = read_manifests(self.folder)
        try:
            before = read_revision(self.folder, against.removeprefix(PREFIX))
        except GitError as problem:
            raise SourceError(f"--against {problem}") from None
        faults = lint(before).errors
        if faults:
            raise SourceError(f"--against {against}: does not pass `edgefleet lint` itself ({faults} to mend)")
        return load_after(
            reading,
            before,
            name=against,
            now=self.now,
            namespace=self.namespace or "",
            rate_per_minute=self.rate_per_minute,
        )

    def _read_live(self, reading: Reading) -> tuple[list[Object] | None, str]:
        """Return the live objects, and the namespace that a context stands for."""
        if self.against is None:
            return None, ""
        if self.against == STDIN:
            return _parse(sys.stdin.read(), "standard input"), ""
        path = Path(self.against)
        if path.is_file():
            return _parse(path.read_text(encoding="utf-8"), self.against), ""
        if path.suffix in SUFFIXES:
            raise SourceError(f"--against {self.against}: no such file")
        return self._read_cluster(reading, self.against)

    def _read_cluster(self, reading: Reading, context: str) -> tuple[list[Object], str]:
        # The client brings a library that takes longer to load than a lint takes.
        from edgefleet.adapters.kubernetes.fleet_reader import FleetReader  # noqa: PLC0415

        try:
            reader = FleetReader(self.kubeconfig, context)
            if self.folder is None:
                return reader.read(self.namespace, CLASS_SELECTOR), self.namespace or ""
            own = self.namespace or reader.namespace
            named = {str((each.value.get("metadata") or {}).get("namespace") or own) for each in reading.manifests}
            found = [each for name in sorted(named) for each in reader.read(name, CLASS_SELECTOR)]
        except ClusterError as problem:
            raise SourceError(f"--against {context}: {problem}") from None
        return found, own


def read_manifests(folder: str) -> Reading:
    """Return what a folder, a file or standard input ("-") declares.

    Raises:
        SourceError: there is nothing to read.
    """
    if folder == STDIN:
        return read_files({STDIN: sys.stdin.buffer.read()})
    path = Path(folder)
    if not path.exists():
        raise SourceError(f"{folder} does not exist")
    try:
        if path.is_file():
            return read_files({path.name: path.read_bytes()})
        reading = read_folder(path)
    except OSError as problem:
        raise SourceError(f"{problem.filename}: {problem.strerror}") from None
    if not reading.files:
        raise SourceError(f"{folder} holds no {', '.join(sorted(SUFFIXES))} file")
    return reading


def parse_now(text: str | None) -> float:
    """Return POSIX seconds; the clock's for None.

    Raises:
        SourceError: the text is no point in time.
    """
    if text is None:
        return datetime.now(UTC).timestamp()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SourceError(f"--now {text}: give a time such as 2026-11-21T06:00:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def load_or_exit(verb: str, load: Callable[[], Loading]) -> Loading:
    """Return what `load` returns; what keeps it from that is said, a line each, and ends the program with 2."""
    try:
        return load()
    except RefusedError as problem:
        for finding in problem.findings:
            typer.echo(str(finding), err=True)
        number = len(problem.findings)
        fail(verb, f"{number} error{'' if number == 1 else 's'} to mend first; `edgefleet lint` says the same")
    except SourceError as problem:
        fail(verb, str(problem))


def fail(verb: str, message: str) -> NoReturn:
    """End the program: nothing was done."""
    typer.echo(f"edgefleet {verb}: {message}", err=True)
    raise typer.Exit(2)


def find_width() -> int:
    """Return the columns to write in: the terminal's, $COLUMNS, or a page's."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def find_paint() -> Paint:
    """Return how to colour: not at all unless a person looks on, and never with NO_COLOR."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return _colour if wanted else leave_plain


def _colour(text: str, style: Style) -> str:
    if style == "plain" or not text.strip():
        return text
    return typer.style(text, fg=_COLOURS.get(style), bold=style == "strong" or None, dim=style == "faint" or None)


def _parse(text: str, where: str) -> list[Object]:
    try:
        return read_snapshot(text)
    except SnapshotError as problem:
        raise SourceError(f"--against: {where}: {problem}") from None


def _guess_namespace(live: list[Object] | None) -> str:
    """Return the namespace of the live objects where they share one."""
    names = {str((each.get("metadata") or {}).get("namespace") or "") for each in live or ()}
    return names.pop() if len(names) == 1 else ""
