"""How long work tells what it is doing: one line at a time."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Say(Protocol):
    """Takes one line of progress."""

    def __call__(self, line: str, /) -> None:
        """Show the line."""
        ...


def to_stderr(line: str, /) -> None:
    """Print at once: stdout is for results, and a buffered progress line is none."""
    print(line, file=sys.stderr, flush=True)


class Heartbeat:
    """Says a line when the last one is ``every`` seconds old, so that nobody takes waiting for hanging."""

    def __init__(self, say: Say, every: float) -> None:
        """Start counting now."""
        self._say = say
        self._every = every
        self.started = time.monotonic()
        self._last = self.started

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def beat(self, line: Callable[[], str]) -> None:
        """Say ``line()`` if it is time; it is only computed then."""
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            self._say(line())
