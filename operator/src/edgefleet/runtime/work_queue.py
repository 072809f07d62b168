"""Decides when a key is worked on. Level-triggered: a key says "look again", never what happened."""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from edgefleet.runtime.backoff import Backoff

_LOG: Final = logging.getLogger(__name__)
# Slack in the heap before what is outdated in it is thrown out.
_STALE_MOST: Final = 256

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Entry:
    """What is known of one key."""

    # When a pass was asked for; None: none is wanted.
    due: float | None = None
    # The interval's end: no pass begins before it.
    not_before: float = 0.0
    # When the pass that runs was due; None: none runs.
    running_since: float | None = None
    # Which of the heap's items for this key counts.
    ticket: int = -1
    failures: int = 0
    complaint: str = ""

    @property
    def start(self) -> float:
        """When the next pass begins; for a key that wants none, when it may be forgotten."""
        return self.not_before if self.due is None else max(self.due, self.not_before)


class WorkQueue(Generic[K]):
    """Keys in, passes out: the first at once, then at most one a key in an interval, one at a time."""

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Awaitable[None]],
        *,
        interval: float = 1.0,
        concurrency: int = 8,
        retry: Backoff = Backoff(1.0, 60.0),  # noqa: B008 - frozen
    ) -> None:
        """Make an empty queue.

        Args:
            name: of the queue, in logs.
            reconcile: one pass over a key. What it raises is logged, once as long as it stays the same, and the key
                is tried again.
            interval: seconds from the beginning of a key's pass to the earliest beginning of its next.
            concurrency: passes of different keys at the same time.
            retry: the pauses after failed passes in a row; an `add` in between does not wait for their end.
        """
        self._name = name
        self._reconcile = reconcile
        self._interval = interval
        self._concurrency = concurrency
        self._retry = retry
        self._entries: dict[K, _Entry] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._tickets = itertools.count()
        self._running = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """Return how many keys want a pass or have one running."""
        return sum(1 for entry in self._entries.values() if entry.due is not None or entry.running_since is not None)

    def add(self, key: K) -> None:
        """Ask for a pass now: one that runs already is followed by another."""
        self.add_after(key, 0.0)

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for a pass later. Of several times the earliest counts, and its pass answers them all."""
        due = asyncio.get_running_loop().time() + max(seconds, 0.0)
        entry = self._entries.setdefault(key, _Entry())
        if entry.due is None or due < entry.due:
            entry.due = due
            if entry.running_since is None:
                self._schedule(key, entry)

    def oldest_pending(self) -> float:
        """Return for how many seconds the pass that has waited or run longest is overdue; 0.0 for none."""
        now = asyncio.get_running_loop().time()
        starts = [
            entry.running_since if entry.running_since is not None else entry.start
            for entry in self._entries.values()
            if entry.running_since is not None or entry.due is not None
        ]
        return max(0.0, now - min(starts, default=now))

    async def run(self) -> None:
        """Work for ever; cancelled, cancel the passes that run and return when they have ended."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                while self._running < self._concurrency and self._heap and self._heap[0][0] <= loop.time():
                    _, ticket, key = heapq.heappop(self._heap)
                    self._begin(group, key, ticket)
                await self._rest()

    async def _rest(self) -> None:
        """Wait until there may be something to begin."""
        idle = self._running < self._concurrency and self._heap
        try:
            async with asyncio.timeout_at(self._heap[0][0] if idle else None):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _begin(self, group: asyncio.TaskGroup, key: K, ticket: int) -> None:
        entry = self._entries.get(key)
        if entry is None or entry.ticket != ticket:
            return
        if entry.due is None:
            del self._entries[key]
            return
        entry.running_since = entry.start
        entry.due = None
        entry.not_before = asyncio.get_running_loop().time() + self._interval
        self._running += 1
        group.create_task(self._pass(key, entry))

    async def _pass(self, key: K, entry: _Entry) -> None:
        try:
            await self._reconcile(key)
        except Exception as error:  # noqa: BLE001 - one key's fault must not end the others' work
            entry.failures += 1
            self._complain(key, entry, error)
            self.add_after(key, self._retry.seconds(entry.failures))
        else:
            entry.failures = 0
            entry.complaint = ""
        finally:
            self._running -= 1
            entry.running_since = None
            self._schedule(key, entry)

    def _complain(self, key: K, entry: _Entry, error: Exception) -> None:
        """Log a failure once: a broken dependency would repeat it with every try."""
        complaint = f"{type(error).__name__}: {error}"
        if complaint == entry.complaint:
            _LOG.debug("%s: %s: still failing after %d tries: %s", self._name, key, entry.failures, complaint)
            return
        entry.complaint = complaint
        _LOG.error("%s: %s: failed, will be retried: %s", self._name, key, complaint, exc_info=error)

    def _schedule(self, key: K, entry: _Entry) -> None:
        entry.ticket = next(self._tickets)
        if len(self._heap) > 2 * len(self._entries) + _STALE_MOST:
            self._heap = [item for item in self._heap if self._counts(item)]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (entry.start, entry.ticket, key))
        self._wake.set()

    def _counts(self, item: tuple[float, int, K]) -> bool:
        entry = self._entries.get(item[2])
        return entry is not None and entry.ticket == item[1]
