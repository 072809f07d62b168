"""What is written down of each device: who owns it, what it returns to, which tokens were acted on.

The object's status is the store. A status that was noted here may not be stored yet, or not have come back: so what
was noted last counts, for as long as the device is there.
"""

from dataclasses import dataclass, field, replace
from typing import Self

from edgefleet.api.meta import HandledToken
from edgefleet.api.v1alpha1.edgedevice import EdgeDeviceStatus, LastGood
from edgefleet.controllers.fleet.twins import Declared
from edgefleet.controllers.times import format_time


@dataclass(frozen=True, slots=True)
class Record:
    """One device's.

    Attributes:
        ring: that owned it in the last pass.
        last_good: what it ran well before its present command.
        handled_tokens: token annotations that were acted on.
    """

    ring: str | None = None
    last_good: LastGood | None = None
    handled_tokens: tuple[HandledToken, ...] = ()

    @classmethod
    def read(cls, status: EdgeDeviceStatus) -> Self:
        """Returns what an earlier process wrote down."""
        return cls(status.ring, status.last_good, status.handled_tokens)


@dataclass(slots=True)
class RecordBook:
    """Every device's record by name."""

    _noted: dict[str, Record] = field(default_factory=dict[str, Record])

    def find(self, device: Declared) -> Record:
        """Returns a device's record, from memory or, after a restart, from its status."""
        found = self._noted.get(device.name)
        if found is None:
            found = self._noted[device.name] = Record.read(device.status)
        return found

    def note_ring(self, device: Declared, ring: str | None) -> None:
        """Notes who owns a device."""
        record = self.find(device)
        if record.ring != ring:
            self._noted[device.name] = replace(record, ring=ring)

    def note_last_good(self, device: Declared, last_good: LastGood | None) -> None:
        """Notes what a device returns to."""
        self._noted[device.name] = replace(self.find(device), last_good=last_good)

    def note_token(self, device: Declared, name: str, value: str, now: float) -> None:
        """Notes that a token was acted on."""
        record = self.find(device)
        token = HandledToken.model_validate({"name": name, "value": value, "at": format_time(now)})
        others = tuple(each for each in record.handled_tokens if each.name != name)
        self._noted[device.name] = replace(record, handled_tokens=(*others, token))

    def forget(self, name: str) -> None:
        """Drops a device that is gone."""
        self._noted.pop(name, None)
