"""Rules of the house that no linter knows: what may stand where, how long files may be, what must not be named.

Prints one line a finding; exit status 1 when there is one.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
SOURCE_LINES: Final = 400
TEST_LINES: Final = 600

# operator/ is a folder, never a package: with an __init__.py, or with a module of that name on the path, Python's own
# `operator` module is shadowed, and nothing starts any more.
SHADOWS: Final = re.compile(r"(^|/)operator(\.py|/__init__\.pyi?)$")
ONE_MACHINE: Final = re.compile(r"(^|[^\w.$}/-])/(home|root|srv|mnt|work)/\w")
# PyPI's pycoral is an unrelated project; Google's is on Coral's own index.
PYCORAL: Final = re.compile(r"""^\s*["']?pycoral\b""", re.MULTILINE)
GENERATED: Final = ("firmware/generated/", "tests/golden/", "crds/", "docs/reference/")


def tracked() -> list[str]:
    """Returns the files that git tracks or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({name for name in listed if (ROOT / name).is_file()})


def check(name: str) -> Iterator[str]:
    """Yields what is wrong with one file."""
    if SHADOWS.search(name):
        yield f"{name}: would shadow Python's own operator module; remove it"
    raw = (ROOT / name).read_bytes()
    if b"\0" in raw or name.startswith(GENERATED):
        return
    text = raw.decode(errors="replace")
    lines = text.count("\n")
    most = TEST_LINES if "tests/" in name else SOURCE_LINES
    if name.endswith((".py", ".c", ".h")) and lines > most:
        yield f"{name}: {lines} lines, at most {most}: split it"
    if Path(name).name in ("utils.py", "helpers.py", "manager.py", "utils.c", "helpers.c"):
        yield f"{name}: name it after what is in it"
    for number, line in enumerate(text.splitlines(), 1):
        if ONE_MACHINE.search(line) and "check_layout" not in name:
            yield f"{name}:{number}: a path of one machine"
    if name.endswith(("pyproject.toml", "requirements.lock")) and PYCORAL.search(text):
        yield f"{name}: PyPI's pycoral is not Google's"


def main() -> int:
    """Checks every file; returns the exit status."""
    findings = [finding for name in tracked() for finding in check(name)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
