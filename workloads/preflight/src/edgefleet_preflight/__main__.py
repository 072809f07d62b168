"""The command line: `edgefleet-preflight check FILE --device-class NAME --classes PATH`.

Exit status: 0 the model passed, 1 it was refused, 2 it was not looked at.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgefleet.contracts.limits import VECTORS_MAX
from edgefleet.publication.report import PreflightReport
from edgefleet_preflight.check import FILE_MAX, TOOL, VECTORS_DEFAULT, check_model
from edgefleet_preflight.classes import ClassUnreadableError, read_class
from edgefleet_preflight.verdicts import Reason

_PASSED, _REFUSED, _NOT_RUN = range(3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a file, print the verdict and return the exit status."""
    given = _parse(arguments)
    try:
        device_class = read_class(given.classes, given.device_class)
        with given.file.open("rb") as file:
            model = file.read(FILE_MAX + 1)
    except ClassUnreadableError as problem:
        return _fail(str(problem))
    except OSError as problem:
        return _fail(f"{given.file}: {problem.strerror}")
    report = check_model(model, given.device_class, device_class, vector_count=given.vectors)
    sys.stdout.write(f"{report.model_dump_json(indent=2, exclude_none=True)}\n" if given.json else _describe(report))
    if report.passed:
        return _PASSED
    return _NOT_RUN if report.reason == Reason.SANDBOX_UNAVAILABLE else _REFUSED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=TOOL, description="Say whether a model may go to a class of devices.")
    check = parser.add_subparsers(dest="command", required=True).add_parser("check", help="check a .tflite file")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--device-class", required=True, metavar="NAME")
    check.add_argument("--classes", type=Path, required=True, metavar="PATH", help="file or folder that declares it")
    check.add_argument("--vectors", type=_count, default=VECTORS_DEFAULT, metavar="N", help="golden vectors, 1 to 16")
    check.add_argument("--json", action="store_true", help="print the report that a manifest is written from")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= VECTORS_MAX:
        raise argparse.ArgumentTypeError(f"1 to {VECTORS_MAX}, not {count}")
    return count


def _fail(message: str) -> int:
    sys.stderr.write(f"{TOOL}: {message}\n")
    return _NOT_RUN


def _describe(report: PreflightReport) -> str:
    lines = [f"{'ok  ' if each.passed else 'FAIL'} {each.name:<9} {each.detail}" for each in report.checks]
    lines += [f"warn {each}" for each in report.warnings]
    verdict = f"passed: {report.message}" if report.passed else f"refused: {report.reason}: {report.message}"
    return "\n".join([*lines, f"{report.device_class} {report.sha256[:12]} {verdict}", ""])


if __name__ == "__main__":
    sys.exit(main())
