"""Tells people, through Kubernetes Events, what happened to an object; never the same thing twice in ten minutes."""

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.kinds import EVENTS, Kind
from edgefleet.runtime.ports import Object
from edgefleet.runtime.token_bucket import TokenBucket

_LOG: Final = logging.getLogger(__name__)
_WINDOW_SECONDS: Final = 600.0
# Of the API, in bytes: longer ones are refused.
_NOTE_MAX: Final = 1024
_REASON_MAX: Final = 128
_NAME_MAX: Final = 253

Create = Callable[[Kind, str, Object], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an event speaks of."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, obj: Object) -> Self:
        """Return the reference to an object that has its `apiVersion`, `kind` and metadata."""
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"], metadata["uid"])


class EventRecorder:
    """Collects events and writes them at a limited rate. Events are a courtesy: what does not fit is dropped."""

    def __init__(  # noqa: PLR0913 - settings by name
        self,
        create: Create,
        *,
        instance: str,
        component: str = "edgefleet.io/operator",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rate: float = 10.0,
        capacity: int = 1000,
    ) -> None:
        """Make a recorder with nothing to write.

        Args:
            create: creates an object, such as `KubernetesClient.create`.
            instance: which process speaks, such as the pod's name.
            component: which program speaks, a qualified name.
            now: the time that events carry.
            rate: events a second, after a burst of five times as many.
            capacity: events that wait at most, and objects' events that are remembered for ten minutes.
        """
        self._create = create
        self._component = component
        self._instance = instance
        self._now = now
        self._bucket = TokenBucket(rate, 5 * rate)
        self._capacity = capacity
        self._queue: asyncio.Queue[tuple[str, Object]] = asyncio.Queue(capacity)
        self._seen: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self.written = 0
        self.dropped = 0

    def record(
        self, subject: Subject, reason: str, message: str, *, warning: bool = False, action: str = "Reconcile"
    ) -> None:
        """Say what happened, unless the same was said of this object within ten minutes.

        Args:
            subject: the object.
            reason: one CamelCase word.
            message: a sentence for a person; what is beyond 1024 bytes is cut off.
            warning: whether someone should look at it.
            action: what was being done, one CamelCase word.
        """
        if not self._is_news((subject.uid, reason, message)):
            return
        try:
            self._queue.put_nowait((subject.namespace, self._event(subject, reason, message, warning, action)))
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Write what is recorded, for ever."""
        while True:
            namespace, event = await self._queue.get()
            await self._bucket.take()
            try:
                await self._create(EVENTS, namespace, event)
            except ApiError as error:
                self.dropped += 1
                subject = event["regarding"]
                _LOG.warning("event %s of %s %s dropped: %s", event["reason"], subject["kind"], subject["name"], error)
            else:
                self.written += 1

    def _is_news(self, key: tuple[str, str, str]) -> bool:
        now = asyncio.get_running_loop().time()
        while self._seen and (
            len(self._seen) > self._capacity or now - next(iter(self._seen.values())) >= _WINDOW_SECONDS
        ):
            self._seen.popitem(last=False)
        if key in self._seen:
            return False
        self._seen[key] = now
        return True

    def _event(self, subject: Subject, reason: str, message: str, warning: bool, action: str) -> Object:
        suffix = f".{uuid.uuid4().hex[:16]}"
        stem = subject.name[: _NAME_MAX - len(suffix)].rstrip("-.")
        return {
            "apiVersion": EVENTS.api_version,
            "kind": "Event",
            "metadata": {"name": stem + suffix, "namespace": subject.namespace},
            "eventTime": self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": self._component,
            "reportingInstance": self._instance[:_REASON_MAX],
            "action": action,
            "reason": reason[:_REASON_MAX],
            "type": "Warning" if warning else "Normal",
            "note": message.encode()[:_NOTE_MAX].decode(errors="ignore"),
            "regarding": {
                "apiVersion": subject.api_version,
                "kind": subject.kind,
                "namespace": subject.namespace,
                "name": subject.name,
                "uid": subject.uid,
            },
        }
