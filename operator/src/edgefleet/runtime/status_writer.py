"""Writes what controllers say of objects: the last word only, only where it is news, and no faster than allowed.

Must not know how a status reaches the API server, nor what it says.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from edgefleet.runtime.backoff import Backoff
from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.kinds import Kind
from edgefleet.runtime.ports import Object
from edgefleet.runtime.token_bucket import TokenBucket
from edgefleet.runtime.work_queue import WorkQueue

_LOG: Final = logging.getLogger(__name__)
# By then any cache has heard of a write; remembering it longer would only cost memory.
_REMEMBERED_SECONDS: Final = 60.0

Status = dict[str, Any]
Replace = Callable[[Kind, str, str, str, Status], Awaitable[Object | None]]


@dataclass(frozen=True, slots=True)
class Target:
    """Whose status: one object, not another of the same name that came after it."""

    kind: Kind
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class StatusCounters:
    """What became of submissions, since the start.

    Attributes:
        written: statuses that the API server took.
        suppressed: submissions that equal what is stored.
        coalesced: submissions that a later one replaced before they were written.
        retried: writes that failed and were put off.
        gone: statuses of objects that are no more.
        refused: statuses that the API server refuses for what they say.
    """

    written: int = 0
    suppressed: int = 0
    coalesced: int = 0
    retried: int = 0
    gone: int = 0
    refused: int = 0


class _Flush:
    """Waits for a number of objects."""

    def __init__(self, objects: int) -> None:
        self._left = objects
        self.done = asyncio.Event()
        if not objects:
            self.done.set()

    def settle(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.done.set()


@dataclass(slots=True)
class _Item:
    """An object whose last word is not stored yet."""

    target: Target
    wanted: Status | None = None
    writing: Status | None = None
    # Submissions are numbered, so that a flush does not wait for those that come after it.
    number: int = 0
    failures: int = 0
    flushes: list[tuple[int, _Flush]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Written:
    """What this writer stored last, and when."""

    status: Status
    version: int | None
    at: float


class StatusWriter:
    """Keeps the last status submitted for each object until the API server has it."""

    def __init__(
        self, replace: Replace, *, rate: float = 50.0, burst: float = 100.0, delay: float = 0.2, in_flight: int = 16
    ) -> None:
        """Make a writer with nothing to write.

        Args:
            replace: writes a status; returns the object as stored, or None if it is gone; raises ApiError.
            rate: writes a second, after a burst.
            burst: writes at once after a rest.
            delay: seconds from an object's first submission to its write, in which later ones replace it.
            in_flight: writes at the same time.
        """
        self._replace = replace
        self._delay = delay
        self._bucket = TokenBucket(rate, burst)
        self._retry = Backoff(0.5, 30.0)
        self._queue = WorkQueue("status", self._write, interval=0.0, concurrency=in_flight, retry=self._retry)
        self._items: dict[str, _Item] = {}
        self._written: OrderedDict[str, _Written] = OrderedDict()
        self._failing = ""
        self.counters = StatusCounters()

    @property
    def pending(self) -> int:
        """How many objects' last word is not stored yet."""
        return len(self._items)

    def submit(self, target: Target, status: Status, observed: Status | None, *, version: str = "") -> None:
        """Say what an object's status has to be from now on.

        Args:
            target: the object.
            status: all of its status.
            observed: the status that the caller's copy of the object has; None for none.
            version: that copy's resourceVersion. With it the writer knows whether the copy is older than the writer's
                own last write; without it the copy is believed.
        """
        wanted: Status = orjson.loads(orjson.dumps(status))  # as it will come back: tuples as lists, enums as text
        item = self._items.get(target.uid)
        if item is None:
            stored = self._stored(target.uid, observed, version)
            if wanted == stored:
                self.counters.suppressed += 1
                return
            item = self._items[target.uid] = _Item(target)
        else:
            stored = self._expected(item, observed, version)
            self.counters.coalesced += item.wanted is not None
        item.number += 1
        if wanted == stored:
            self.counters.suppressed += 1
            item.wanted = None
            if item.writing is None:
                self._settle(item, item.number)
        elif wanted != item.wanted:
            item.wanted = wanted
            if item.writing is not None or not item.failures:  # else its next try is set, and sends this
                self._queue.add_after(target.uid, self._delay)

    async def flush(self) -> None:
        """Return when all that was submitted so far is stored or given up.

        An API server that does not answer is waited for: the caller sets the limit. `run` has to run.
        """
        flush = _Flush(len(self._items))
        for uid, item in self._items.items():
            item.flushes.append((item.number, flush))
            self._queue.add(uid)
        await flush.done.wait()

    async def run(self) -> None:
        """Write for ever."""
        await self._queue.run()

    def _expected(self, item: _Item, observed: Status | None, version: str) -> Status | None:
        """Return what is stored once nothing is under way; None where a failed write may or may not have been."""
        if item.writing is not None:
            return item.writing
        return None if item.failures else self._stored(item.target.uid, observed, version)

    def _stored(self, uid: str, observed: Status | None, version: str) -> Status | None:
        """Return the newer of what a caller saw and what this writer wrote."""
        own = self._written.get(uid)
        if own is None:
            return observed
        seen = _number(version)
        if seen is None or own.version is None or seen >= own.version:
            del self._written[uid]
            return observed
        return own.status

    async def _write(self, uid: str) -> None:
        item = self._items.get(uid)
        if item is None or item.wanted is None:
            return
        await self._bucket.take()
        status, number = item.wanted, item.number
        if self._items.get(uid) is not item or status is None:  # taken back while this waited for its turn
            return
        item.writing, item.wanted = status, None
        try:
            stored = await self._replace(
                item.target.kind, item.target.namespace, item.target.name, item.target.uid, status
            )
        except ApiError as error:
            self._fail(item, status, number, error)
        except BaseException:
            item.wanted = item.wanted or status
            raise
        else:
            self._store(item, status, number, stored)
        finally:
            item.writing = None
            if item.wanted is None:
                self._settle(item, item.number)

    def _store(self, item: _Item, status: Status, number: int, stored: Object | None) -> None:
        item.failures = 0
        if self._failing:
            _LOG.warning("statuses are written again; %d to write", len(self._items))
            self._failing = ""
        if stored is None:
            self.counters.gone += 1
            item.wanted = None
            return
        self.counters.written += 1
        now = asyncio.get_running_loop().time()
        version = _number(stored["metadata"].get("resourceVersion", ""))
        self._written[item.target.uid] = _Written(status, version, now)
        self._written.move_to_end(item.target.uid)
        while now - next(iter(self._written.values())).at > _REMEMBERED_SECONDS:
            self._written.popitem(last=False)
        self._settle(item, number)

    def _fail(self, item: _Item, status: Status, number: int, error: ApiError) -> None:
        where = f"{item.target.kind} {item.target.namespace}/{item.target.name}"
        if error.permanent:
            self.counters.refused += 1
            _LOG.error("%s: the API server refuses this status; it is given up: %s", where, error)
            self._settle(item, number)
            return
        self.counters.retried += 1
        item.failures += 1
        item.wanted = item.wanted or status
        self._queue.add_after(item.target.uid, self._retry.seconds(item.failures))
        if self._failing != error.reason:  # one line for an outage, not one for each object
            self._failing = error.reason
            _LOG.warning("%s: its status was not written and will be tried again: %s", where, error)

    def _settle(self, item: _Item, number: int) -> None:
        """Release the flushes that wait for submissions up to this one; forget an object with nothing to write."""
        for waiting, flush in item.flushes:
            if waiting <= number:
                flush.settle()
        item.flushes = [each for each in item.flushes if each[0] > number]
        if item.wanted is None and item.number <= number:
            self._items.pop(item.target.uid, None)


def _number(version: str) -> int | None:
    return int(version) if version.isascii() and version.isdigit() else None
