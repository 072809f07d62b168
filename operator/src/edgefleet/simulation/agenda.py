"""What happens next: virtual time. Knows nothing of what happens."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any


class Agenda:
    """Appointments in the order of their times; at the same time, in the order in which they were made.

    Attributes:
        now: POSIX seconds, virtual.
        foreground: appointments that something waits for; the others go on for ever, as sleeping and waking do.
    """

    def __init__(self, start: float) -> None:
        """Begin at a time, with nothing to do."""
        self.now = start
        self.foreground = 0
        self._numbers = count()
        # The number is unique, so that nothing behind it is ever compared.
        self._heap: list[tuple[float, int, bool, Callable[..., None], tuple[Any, ...]]] = []

    @property
    def next_at(self) -> float | None:
        """When something happens next; None for never."""
        return self._heap[0][0] if self._heap else None

    def at(self, time: float, action: Callable[..., None], *arguments: Any, background: bool = False) -> None:
        """Makes an appointment, not before now."""
        self.foreground += not background
        heapq.heappush(self._heap, (max(time, self.now), next(self._numbers), background, action, arguments))

    def step(self) -> None:
        """Lets time pass until the next appointment, and keeps it.

        Raises:
            IndexError: there is none.
        """
        self.now, _, background, action, arguments = heapq.heappop(self._heap)
        self.foreground -= not background
        action(*arguments)
