"""Runs the preflight as a process of its own and believes its report only as far as it can be checked.

The preflight's package reads models, so nothing of it is imported here: a publisher holds the release key.
"""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from edgefleet.publication.release import NotPublishableError
from edgefleet.publication.report import PreflightReport

PREFLIGHT_SECONDS: Final = 300
# Where programs and libraries are found, and nothing that could be a secret.
_ENVIRONMENT: Final = ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")


class RefusedError(NotPublishableError):
    """The preflight refused a file.

    Attributes:
        report: why, with every check that ran.
    """

    def __init__(self, where: str, report: PreflightReport) -> None:
        """Keep the report and word it for a person."""
        super().__init__(f"{where}: {report.reason}: {report.message}")
        self.report = report


@dataclass(frozen=True, slots=True)
class Attested:
    """A file that passed: its bytes as they were when it did, and the report."""

    content: bytes
    report: PreflightReport


def attest(command: Sequence[str], file: Path, device_class: str, classes: Path) -> Attested:
    """Returns a file that the preflight passed.

    Args:
        command: the preflight's program and its first arguments.
        file: the model.
        device_class: its class.
        classes: file or folder of manifests that declares the class.

    Raises:
        RefusedError: the preflight ran and refused it.
        NotPublishableError: no preflight, no file, or a report that does not speak of this file.
    """
    where = f"{device_class}={file}"
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise NotPublishableError(f"{where}: {problem.strerror}") from None
    report = _run(
        [*command, "check", str(file), "--device-class", device_class, "--classes", str(classes), "--json"], where
    )
    if not report.is_whole():
        raise NotPublishableError(f"{where}: the report is not what its evidence says")
    digest = hashlib.sha256(content).hexdigest()
    if (report.sha256, report.size_bytes, report.device_class) != (digest, len(content), device_class):
        raise NotPublishableError(f"{where}: the preflight looked at something else: did the file change meanwhile?")
    if not report.passed:
        raise RefusedError(where, report)
    if not (report.format and report.arena_bytes and report.inputs and report.outputs and report.vectors):
        raise NotPublishableError(f"{where}: the report says that it passed, but lacks figures")
    return Attested(content, report)


def _run(command: Sequence[str], where: str) -> PreflightReport:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - the preflight that the caller names, no shell
            command,
            capture_output=True,
            check=False,
            env=environment,
            timeout=PREFLIGHT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except OSError as problem:
        raise NotPublishableError(f"the preflight {command[0]} cannot be started: {problem.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotPublishableError(f"{where}: no report after {PREFLIGHT_SECONDS} s") from None
    if not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or f"it ended with status {done.returncode}"
        raise NotPublishableError(f"{where}: the preflight says: {said}")
    try:
        return PreflightReport.model_validate_json(done.stdout[: PreflightReport.REPORT_MAX])
    except ValidationError:
        raise NotPublishableError(f"{where}: the preflight's report cannot be read") from None
