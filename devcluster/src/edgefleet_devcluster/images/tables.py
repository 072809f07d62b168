"""Reads a TOML file key by key; every complaint names the file and the key, and no key goes unread."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from edgefleet_devcluster.errors import DevclusterError


class Table:
    """One table of a file. Every method raises `DevclusterError` when what is there is not what it is to be."""

    def __init__(self, file: Path, place: str, content: dict[str, Any]) -> None:
        """Take a table.

        Args:
            file: The file it is in.
            place: Its dotted key; empty for the file's top.
            content: What is in it.
        """
        self._file = file
        self._place = place
        self._content = content
        self._asked: set[str] = set()

    @property
    def keys(self) -> list[str]:
        """The keys that are there."""
        return list(self._content)

    def refuse(self, key: str, why: str) -> NoReturn:
        """Raise with the file, the key and why."""
        raise DevclusterError(f"{self._file}: {self._dotted(key)}: {why}")

    def finish(self) -> None:
        """Refuse the keys that nobody asked for."""
        for key in self._content:
            if key not in self._asked:
                self.refuse(key, f"unknown key; there are: {', '.join(sorted(self._asked))}")

    def table(self, key: str) -> Table:
        """Return the table under the key; an empty one where there is none."""
        found = self._get(key, {})
        if not isinstance(found, dict):
            self.refuse(key, "is to be a table")
        return Table(self._file, self._dotted(key), found)

    def text(self, key: str, default: str | None = None) -> str:
        """Return the string under the key, which may only be missing where there is a default."""
        found = self._get(key, default)
        if found is None:
            self.refuse(key, "missing")
        if not isinstance(found, str):
            self.refuse(key, "is to be a string")
        return found

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the list of strings under the key."""
        found = self._get(key, list(default))
        if not isinstance(found, list) or not all(isinstance(entry, str) and entry for entry in found):
            self.refuse(key, "is to be a list of strings")
        return tuple(found)

    def patterns(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the list of patterns under the key, which stay inside the folder that they count from."""
        found = self.texts(key, default)
        for pattern in found:
            if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
                self.refuse(key, f"{pattern!r} leads out of the context: give a path inside it")
        return found

    def path(self, key: str, *, folder: bool = False) -> Path:
        """Return the path under the key, relative to the file; what it names must be there."""
        path = (self._file.parent / self.text(key)).resolve()
        if not (path.is_dir() if folder else path.is_file()):
            self.refuse(key, f"no {'folder' if folder else 'file'} {path}")
        return path

    def _dotted(self, key: str) -> str:
        return ".".join(filter(None, (self._place, key)))

    def _get(self, key: str, default: object) -> Any:
        self._asked.add(key)
        return self._content.get(key, default)
