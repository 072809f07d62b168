"""`python -m edgefleet.codegen [--check] [ROOT]`: writes every generated file, or says which are not up to date."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edgefleet.codegen import (
    c_contract,
    c_features,
    charts,
    crds,
    editor_schemas,
    feature_reference,
    reference,
    state_diagrams,
    updates,
    vectors,
    wire_reference,
)

GENERATORS: Final[tuple[Callable[[], dict[str, bytes]], ...]] = (
    crds.generate,
    charts.generate,
    editor_schemas.generate,
    reference.generate,
    c_contract.generate,
    c_features.generate,
    feature_reference.generate,
    vectors.generate,
    updates.generate,
    wire_reference.generate,
    state_diagrams.generate,
)
OWNED: Final = (
    "crds",
    charts.CRD_TEMPLATES,
    charts.PLATFORM,
    "docs/reference",
    "firmware/generated",
    "tests/golden/updates",
    "tests/golden/vectors",
)
"""Folders that hold nothing but generated files: what no generator writes any more is removed from them."""


def generate() -> dict[str, bytes]:
    """Returns every generated file by path relative to the repository.

    Raises:
        ValueError: two generators write the same file.
    """
    files: dict[str, bytes] = {}
    for make in GENERATORS:
        made = make()
        twice = files.keys() & made.keys()
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))} is generated twice")
        files |= made
    return files


def _compare(root: Path, files: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """Returns the files that differ or are missing, and those that should not be there."""
    stale = [name for name, content in files.items() if _read(root / name) != content]
    there = (path for folder in OWNED for path in (root / folder).rglob("*") if path.is_file())
    found = (path.relative_to(root).as_posix() for path in there)
    return sorted(stale), sorted(name for name in found if name not in files)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def main() -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgefleet.codegen", description=__doc__)
    parser.add_argument("root", nargs="?", default=".", type=Path, help="the repository")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    options = parser.parse_args()
    files = generate()
    stale, extra = _compare(options.root, files)
    if options.check:
        for name in stale:
            print(f"{name}: not up to date; run `make generate`")  # noqa: T201 - a command line prints
        for name in extra:
            print(f"{name}: written by no generator")  # noqa: T201
        return 1 if stale or extra else 0
    for name in stale:
        target = options.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[name])
    for name in extra:
        (options.root / name).unlink()
    print(f"{len(files)} files, {len(stale)} written, {len(extra)} removed")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
