"""Files that change while the process runs: Secrets and ConfigMaps are swapped under a mount by a symbolic link."""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar

_log: Final = logging.getLogger(__name__)
_T = TypeVar("_T")
_State: TypeAlias = tuple[tuple[str, int, int, int], ...]


class Mounted(Generic[_T]):
    """A value made of files, made again when they change; the last good one stays when the new ones are unusable."""

    def __init__(self, files: Callable[[], Iterable[Path]], load: Callable[[], _T]) -> None:
        """Load for the first time.

        Args:
            files: lists the files that count; called at each look.
            load: makes the value; OSError and ValueError mean that the files are unusable.

        Raises:
            OSError: a file is missing.
            ValueError: a file is unusable.
        """
        self._files = files
        self._load = load
        self._turn = threading.Lock()
        self._state = self._look()
        self._value = load()

    def get(self) -> _T:
        """Return the value that the files have now. Reads the disk."""
        with self._turn:
            state = self._look()
            if state != self._state:
                # Before loading: files that are unusable now are not tried again before they change again.
                self._state = state
                try:
                    self._value = self._load()
                except (OSError, ValueError) as error:
                    _log.error("files changed and are unusable, the old ones stay in force: %s", error)
                else:
                    _log.info("files changed and were read again: %s", ", ".join(name for name, *_ in state))
            return self._value

    def _look(self) -> _State:
        found: list[tuple[str, int, int, int]] = []
        for path in self._files():
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((path.name, stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(sorted(found))
