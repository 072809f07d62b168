"""The values and calls that cross between controllers and adapters. Must not know how either is made."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from edgefleet.contracts.reasons import ContractError
from edgefleet.contracts.reported import Presence, Reported
from edgefleet.contracts.topics import Topic

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """All objects there are. What a consumer knew before and is not among them is gone."""

    objects: tuple[T, ...]


@dataclass(frozen=True, slots=True)
class Put(Generic[T]):
    """An object that is new or was changed."""

    object: T


@dataclass(frozen=True, slots=True)
class Gone:
    """An object that was deleted."""

    namespace: str
    name: str
    uid: str


Change: TypeAlias = Listed[T] | Put[T] | Gone


class Delivery(Enum):
    """What the broker said of a message."""

    DELIVERED = "delivered"  # kept and handed to at least one subscription
    NO_SUBSCRIBER = "no-subscriber"  # kept, but that device has never subscribed (MQTT 5 reason 0x10)
    REFUSED = "refused"  # not kept: the access rules forbid it, or a quota is used up (0x80 and above)


class BlobState(Enum):
    """What the model registry holds under a digest."""

    OK = "ok"
    MISSING = "missing"
    DIGEST_MISMATCH = "digest-mismatch"


class GatewayListener(Protocol):
    """Who hears what devices say.

    One call at a time, in the order of arrival. Of what comes in faster than the listener works, it hears the newest of
    each topic: a device's state is whole in every message. What a call raises is logged and counted, and the next one
    follows.
    """

    async def connected(self) -> None:
        """Every message that the broker had kept for this subscription was delivered."""
        ...

    async def reported(self, device_id: str, report: Reported) -> None:
        """A device's state, kept by the broker or new."""
        ...

    async def presence(self, device_id: str, presence: Presence) -> None:
        """A device came or went."""
        ...

    async def cleared(self, device_id: str, topic: Topic) -> None:
        """What the broker kept on a device's topic was removed (an empty message)."""
        ...

    async def refused(self, topic: str, error: ContractError) -> None:
        """Bytes that the wire contract refuses."""
        ...

    async def disconnected(self, reason: str) -> None:
        """The connection is gone; `connected` follows when another one has delivered everything anew."""
        ...
