"""What a build is given: files by the path that the Dockerfile knows them under, the same on every machine."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Left behind by tools; no image wants them, and they would change its key.
_NEVER = frozenset({".git", "__pycache__", ".pytest_cache", ".ruff_cache"})
# Of a copy, so that equal files are equal to a build's cache. After 1980, because ZIP archives know no earlier date.
_MODIFIED = 1_600_000_000


def select(folder: Path, patterns: Iterable[str]) -> dict[str, Path]:
    """Return the files that match, and all those in folders that match, by their path in ``folder``.

    Raises:
        DevclusterError: A pattern matches nothing.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        matches = list(folder.glob(pattern))
        for match in matches:
            for file in _files(match):
                relative = file.relative_to(folder)
                if not _NEVER.intersection(relative.parts):
                    found[relative.as_posix()] = file
        if not matches:
            raise DevclusterError(f"{pattern!r} matches nothing in {folder}: correct the pattern or add the file")
    return dict(sorted(found.items()))


def digest(file: Path) -> str:
    """Return what distinguishes a file from others besides its name: content, and permission to execute."""
    if file.is_symlink():
        return f"link {file.readlink()}"
    return f"{'x' if _executable(file) else '-'} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def copy(files: Mapping[str, Path], folder: Path) -> None:
    """Copy files into a new folder."""
    folder.mkdir(parents=True)
    for name, file in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            target.symlink_to(file.readlink())
        else:
            shutil.copyfile(file, target)
            target.chmod(0o755 if _executable(file) else 0o644)
    level(folder)


def level(folder: Path) -> None:
    """Give all files one date and one of two sets of permissions: the user's umask is to change no image."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or _executable(path) else 0o644)
            os.utime(path, (_MODIFIED, _MODIFIED))


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir():
        for entry in path.rglob("*"):
            if entry.is_symlink() or entry.is_file():
                yield entry


def _executable(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o100)
