"""make_site_packages.py OUTPUT MEMBER[EXTRA]...: what some workspace members need to run, as one folder for an image.

The members are built; of their dependencies the versions and hashes of requirements.lock are installed, for Debian 12
on this machine's architecture. Nothing in the folder tells which machine made it: the same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = "3.11"
"""Of the images' base."""
PLATFORMS: Final = {"x86_64": "x86_64-manylinux_2_28", "aarch64": "aarch64-manylinux_2_28"}
"""Older than the base's C library, so that what is installed runs on others too."""
DATE: Final = "1600000000"
# Programs would name this machine's Python, the rest says where and how it was installed.
LEFT_OUT: Final = ("bin", ".lock", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED")
ALSO_LEFT_OUT: Final = ("*.dist-info/direct_url.json", "*.dist-info/uv_cache.json", "**/__pycache__")
_MEMBER: Final = re.compile(r"(?P<folder>[\w./-]+)(?P<extras>\[[\w,-]+\])?")
_PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


class LockError(Exception):
    """requirements.lock does not have what a member needs."""


def normalize(name: str) -> str:
    """Returns a distribution's name as indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> list[tuple[str, str, str]]:
    """Returns each pin of a requirements file: normalized name, version, and all its lines with markers and hashes."""
    pins: list[tuple[str, str, str]] = []
    for line in text.splitlines():
        if found := _PIN.match(line):
            pins.append((normalize(found["name"]), found["version"], f"{line}\n"))
        elif pins and line.lstrip().startswith("--hash="):
            name, version, lines = pins[-1]
            pins[-1] = name, version, f"{lines}{line}\n"
    return pins


def choose(lock: str, resolved: str) -> str:
    """Returns the part of a lock that a resolution needs.

    Raises:
        LockError: a distribution is missing there, or has another version.
    """
    # One name may stand there in two versions, for different Pythons.
    pins = {(name, version): lines for name, version, lines in read_pins(lock)}
    chosen: list[str] = []
    for name, version, _ in read_pins(resolved):
        if (name, version) not in pins:
            raise LockError(f"requirements.lock has no {name}=={version}: run `make lock`")
        chosen.append(pins[name, version])
    return "".join(chosen)


def build(members: Iterable[str], wheels: Path) -> list[str]:
    """Builds members into wheels; returns a requirement for each."""
    requirements: list[str] = []
    for member in members:
        found = _MEMBER.fullmatch(member)
        if not found or not (ROOT / found["folder"] / "pyproject.toml").is_file():
            sys.exit(f"{member}: no member of this workspace (FOLDER or FOLDER[EXTRA,...])")
        before = set(wheels.iterdir())
        uv("build", "--wheel", f"--out-dir={wheels}", str(ROOT / found["folder"]))
        wheel = next(path for path in set(wheels.iterdir()) - before if path.suffix == ".whl")
        name = normalize(wheel.name.partition("-")[0])
        requirements.append(f"{name}{found['extras'] or ''} @ {wheel.as_uri()}")
    return requirements


def install(members: Sequence[str], output: Path) -> None:
    """Fills the folder `output`, which is not there yet."""
    machine = platform.machine()
    if machine not in PLATFORMS:
        sys.exit(f"no image is made on {machine}, only on {' and '.join(PLATFORMS)}")
    target = [f"--python-version={PYTHON}", f"--python-platform={PLATFORMS[machine]}", "--only-binary=:all:"]
    lock = ROOT / "requirements.lock"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wanted, chosen, wheels = work / "wanted.in", work / "chosen.txt", work / "wheels"
        wheels.mkdir()
        requirements = build(members, wheels)
        wanted.write_text("".join(f"{line}\n" for line in requirements))
        quietly = ["--no-header", "--no-annotate"]
        resolved = uv("pip", "compile", *target, *quietly, f"--constraint={lock}", str(wanted))
        chosen.write_text(choose(lock.read_text(), resolved))
        into = ["pip", "install", f"--target={output}", "--no-deps", "--link-mode=copy", *target]
        uv(*into, "--require-hashes", f"--requirement={chosen}")
        uv(*into, *(str(path) for path in sorted(wheels.glob("*.whl"))))
    for pattern in (*LEFT_OUT, *ALSO_LEFT_OUT):
        for path in list(output.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def uv(*arguments: str) -> str:
    """Runs uv; returns what it printed."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": DATE}
    command = [ROOT / "scripts" / "uv", arguments[0], "--quiet", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        sys.exit(f"uv {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("members", nargs="+", metavar="MEMBER[EXTRA]")
    options = parser.parse_args()
    if options.output.exists():
        sys.exit(f"{options.output} is there already")
    try:
        install(options.members, options.output)
    except LockError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
