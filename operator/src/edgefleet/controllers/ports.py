"""What controllers need of the outside world; adapters give it. Must not know how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from edgefleet.runtime.events import Subject
from edgefleet.runtime.kinds import Kind
from edgefleet.runtime.ports import Delivery, Object
from edgefleet.runtime.status_writer import Target


class Objects(Protocol):
    """The Kubernetes API."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Returns an object, or None."""
        ...

    async def list(self, kind: Kind, namespace: str | None = None, *, label_selector: str = "") -> list[Object]:
        """Returns the objects as the API server holds them now, not as a cache remembers them."""
        ...

    async def replace_status(
        self, kind: Kind, namespace: str, name: str, uid: str, status: dict[str, Any]
    ) -> Object | None:
        """Stores a status; returns None when the object is gone or was made anew."""
        ...


class Publisher(Protocol):
    """The way to the devices."""

    @property
    def connected(self) -> bool:
        """Whether the session stands and everything the broker had kept was delivered."""
        ...

    async def publish_desired(self, device_id: str, payload: bytes) -> Delivery:
        """Hands the broker a device's retained command; an empty one removes it.

        Raises:
            NotConnected: the session has ended.
        """
        ...


class StatusSink(Protocol):
    """Where statuses go that may wait a moment and be merged with later ones."""

    def submit(
        self, target: Target, status: dict[str, Any], observed: dict[str, Any] | None, *, version: str = ""
    ) -> None:
        """Takes the last word on an object."""
        ...


class EventSink(Protocol):
    """Where people are told."""

    def record(self, subject: Subject, reason: str, message: str, *, warning: bool = False) -> None:
        """Tells of something that happened to an object."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside, as the controllers see it."""

    objects: Objects
    publisher: Publisher
    statuses: StatusSink
    events: EventSink
    now: Callable[[], float]
    """POSIX seconds."""
