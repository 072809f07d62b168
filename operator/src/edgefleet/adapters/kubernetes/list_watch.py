"""Follows all objects of a kind, for ever. Must not know what they mean."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, Generic, TypeVar

import aiohttp
import orjson

from edgefleet.adapters.kubernetes.client import KubernetesClient
from edgefleet.runtime.backoff import Backoff
from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.kinds import Kind
from edgefleet.runtime.ports import Change, Gone, Listed, Object, Put

__all__ = ["Change", "Gone", "ListWatch", "Listed", "Put"]

_LOG: Final = logging.getLogger(__name__)
# Spread, so that the watches of one process do not all end together.
_WATCH_SECONDS: Final = (240, 360)
# The server sends a bookmark about once a minute.
_SILENCE_SECONDS: Final = 70.0
# A stream that ends sooner and said nothing counts as a failure.
_SHORT_SECONDS: Final = 1.0
_GONE: Final = 410
_OVERLOADED: Final = (429, 500, 503)

T = TypeVar("T")


class _Forgotten(Exception):  # noqa: N818 - the server's memory, not a fault
    """The server cannot tell what changed since that version: everything has to be listed again."""


class _Interrupted(Exception):  # noqa: N818 - a state of the network
    """The stream broke; it can go on from the last version that was heard of."""


class ListWatch(Generic[T]):
    """A list, then what changes, then after an interruption what changed meanwhile, or the list again."""

    def __init__(  # noqa: PLR0913 - what to follow, then settings by name
        self,
        client: KubernetesClient,
        kind: Kind,
        namespace: str | None = None,
        label_selector: str = "",
        *,
        project: Callable[[Object], T] = lambda obj: obj,
        retry: Backoff = Backoff(0.2, 5.0),  # noqa: B008 - frozen
        silence: float = _SILENCE_SECONDS,
    ) -> None:
        """Start nothing yet.

        Args:
            client: of the API server.
            kind: which objects.
            namespace: their namespace; None: all.
            label_selector: which of them; empty: all.
            project: keeps of an object what the consumer needs. It is called as parts arrive, so that the objects
                themselves are never all in memory.
            retry: the pauses after failures in a row.
            silence: seconds without a byte after which the connection counts as broken.
        """
        self._client = client
        self._kind = kind
        self._namespace = namespace
        self._label_selector = label_selector
        self._project = project
        self._retry = retry
        self._silence = silence
        self._version = ""
        self._failures = 0
        self._listed_at = float("-inf")
        self.last_heard: float = asyncio.get_running_loop().time()
        """When the API server last sent anything, in the event loop's time."""
        self.listed = 0
        """How many times everything was listed."""
        self.events = 0
        """How many changes the streams brought."""
        self.interruptions = 0
        """How many streams broke before their time."""

    async def changes(self) -> AsyncGenerator[Change[T], None]:
        """Yield changes for ever.

        `Listed` comes first and again whenever the server has forgotten what changed: the consumer replaces all it
        knows, and so learns of deletions that nobody told it. Cancel the task, or close the iterator, to end it.
        """
        while True:
            try:
                if not self._version:
                    yield await self._list()
                else:
                    await self._compare()
                async with aclosing(self._watch()) as stream:
                    async for change in stream:
                        yield change
            except _Forgotten as reason:
                _LOG.info("%s: listing again: %s", self._kind, reason)
                self._version = ""
                if asyncio.get_running_loop().time() - self._listed_at < _SHORT_SECONDS:
                    await self._pause(reason)
            except (ApiError, _Interrupted) as error:
                await self._pause(error)

    async def _list(self) -> Listed[T]:
        objects: list[T] = []
        version = ""
        try:
            async for page in self._client.pages(self._kind, self._namespace, self._label_selector):
                self._hear()
                objects += map(self._project, page.objects)
                version = page.version
        except ApiError as error:
            if error.status == _GONE:
                raise _Forgotten(error.message) from None
            raise
        self._version = version
        self._listed_at = asyncio.get_running_loop().time()
        self.listed += 1
        return Listed(tuple(objects))

    async def _compare(self) -> None:
        """Make sure that the store is not behind what this process has seen, as after a restored backup.

        The server does not: a watch from a version that is yet to come is accepted, and leaves out what it should say.
        """
        current = await self._client.current_version(self._kind, self._namespace)
        self._hear()
        # The API promises since Kubernetes 1.35 what was true before: versions are numbers that grow.
        if current.isdigit() and self._version.isdigit() and int(current) < int(self._version):
            raise _Forgotten(f"the store is at version {current}, this process has seen {self._version}")

    async def _watch(self) -> AsyncGenerator[Change[T], None]:
        """Yield what one stream brings until the server ends it."""
        loop = asyncio.get_running_loop()
        began, events = loop.time(), self.events
        try:
            async with (
                self._client.watch(
                    self._kind,
                    self._namespace,
                    version=self._version,
                    label_selector=self._label_selector,
                    seconds=random.randint(*_WATCH_SECONDS),  # noqa: S311 - jitter
                    silence=self._silence,
                ) as stream,
                aclosing(self._lines(stream)) as lines,
            ):
                async for line in lines:
                    change = self._read(line)
                    if change is not None:
                        yield change
        except ApiError as error:
            # Unless it is overload, the version is too old, or of another store's time, or the kind is gone for now.
            if error.status in _OVERLOADED:
                raise
            raise _Forgotten(str(error)) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _Interrupted(str(error) or type(error).__name__) from None
        if loop.time() - began < _SHORT_SECONDS and self.events == events:
            raise _Interrupted("the server ended the stream at once")
        self._failures = 0

    async def _lines(self, stream: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
        """Yield whole lines, however long they are."""
        rest = b""
        async for piece in stream.iter_any():
            self._hear()
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield line
            # A stream that is always ahead of its reader must not keep others from running.
            await asyncio.sleep(0)

    def _read(self, line: bytes) -> Change[T] | None:
        """Return what a line says, or None for a bookmark."""
        event = orjson.loads(line)
        obj: Object = event["object"]
        if event["type"] == "ERROR":
            raise _Forgotten(f"{obj.get('code', '')} {obj.get('message', '')}")
        self._failures = 0
        metadata = obj["metadata"]
        self._version = metadata["resourceVersion"]
        if event["type"] == "BOOKMARK":
            return None
        self.events += 1
        if event["type"] == "DELETED":
            return Gone(metadata.get("namespace", ""), metadata["name"], metadata["uid"])
        return Put(self._project(obj))

    def _hear(self) -> None:
        self.last_heard = asyncio.get_running_loop().time()

    async def _pause(self, error: Exception) -> None:
        self._failures += 1
        self.interruptions += 1
        seconds = self._retry.seconds(self._failures)
        log = _LOG.warning if self._failures > 1 else _LOG.info
        log("%s: interrupted, goes on in %.1f s: %s", self._kind, seconds, error)
        await asyncio.sleep(seconds)
