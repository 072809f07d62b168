"""FleetEngine: hears what is declared and what devices say, and wakes whoever decides. Decides nothing itself.

Everything here is rebuilt from a list of objects and a snapshot of retained messages, so a missed event cannot matter.
"""

import logging
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, Final

from edgefleet.contracts.reasons import ContractError
from edgefleet.contracts.reported import Presence, Reported
from edgefleet.contracts.topics import Topic
from edgefleet.controllers.fleet.commands import CommandBook
from edgefleet.controllers.fleet.records import RecordBook
from edgefleet.controllers.fleet.twins import Declared, Twins
from edgefleet.runtime.ports import Change, Gone, Listed, Put

if TYPE_CHECKING:
    from edgefleet.api.v1alpha1.modelversion import Deployed
    from edgefleet.controllers.quarantine import Asked

_LOG: Final = logging.getLogger(__name__)


class FleetEngine:
    """The fleet's memory.

    Attributes:
        twins: every device, and what it says.
        book: what each was last told.
        listed: whether every declared device is known.
        heard: whether everything the broker kept was delivered, and the session still stands.
        records: what is written down of each.
        deployed: counts by (namespace, model, version).
        asked: what the last passes want written on versions, by (namespace, name); the look at a version takes it.
        removed: devices whose retained command has to go, by name, with their last namespace.
    """

    def __init__(self, book: CommandBook, wake: Callable[[str], None], now: Callable[[], float]) -> None:
        """Start with nothing known.

        Args:
            book: the commands.
            wake: asks for a pass over a namespace.
            now: POSIX seconds.
        """
        self.twins = Twins()
        self.book = book
        self.listed = False
        self.heard = False
        self.records = RecordBook()
        self.deployed: dict[tuple[str, str, str], Deployed] = {}
        self.asked: dict[tuple[str, str], Asked] = {}
        self.removed: dict[str, str] = {}
        self._present: set[str] = set()
        self._wake = wake
        self._now = now

    async def follow(self, changes: AsyncIterable[Change[Declared]]) -> None:
        """Takes declared devices as they change, for ever."""
        async for change in changes:
            match change:
                case Listed(objects):
                    self._take_all(objects)
                case Put(device):
                    self.twins.put(device)
                    self.removed.pop(device.name, None)
                    self._wake(device.namespace)
                case Gone(namespace, name, uid):
                    self._remove(namespace, name, uid)

    def _take_all(self, devices: tuple[Declared, ...]) -> None:
        present = {(device.namespace, device.name) for device in devices}
        for known in list(self.twins.declared.values()):
            if (known.namespace, known.name) not in present:
                self._remove(known.namespace, known.name, known.uid)
        self.twins.doubles.clear()
        for device in devices:
            self.twins.put(device)
        self.listed = True
        self.wake_all()

    def _remove(self, namespace: str, name: str, uid: str) -> None:
        gone = self.twins.drop(namespace, name, uid)
        if gone is not None and name not in self.twins.declared:
            self.book.forget(name)
            self.records.forget(name)
            self.removed[name] = namespace
        self._wake(namespace)

    def wake_all(self) -> None:
        """Asks for a pass over every namespace with devices."""
        doubles = {device.namespace for device in self.twins.doubles.values()}
        for namespace in self.twins.namespaces() | doubles | set(self.removed.values()):
            self._wake(namespace)

    def _wake_device(self, name: str) -> None:
        device = self.twins.declared.get(name)
        if device is not None:
            self._wake(device.namespace)

    def highest_generation(self) -> int:
        """Returns the highest generation that any device reports or any object records."""
        reported = (each.report.observed_generation for each in self.twins.voices.values() if each.report)
        recorded = (each.generation for device in self.twins.declared.values() for each in device.status.desired)
        return max((*reported, *recorded), default=0)

    def observed(self, name: str) -> int:
        """Returns the last generation that a device says it has seen; 0 for none."""
        report = self.twins.voice(name).report
        return report.observed_generation if report is not None else 0

    async def connected(self) -> None:
        """Everything the broker kept is known; what it should keep may be lost, so it is said again."""
        self.heard = True
        self.book.unsend()
        for name, voice in self.twins.voices.items():
            if name not in self._present:
                voice.doubt(self._now())
        _LOG.info("the broker has told of %d devices", len(self.twins.voices))
        self.wake_all()

    async def disconnected(self, reason: str) -> None:
        """Nothing can be sent, and what devices say is out of date."""
        self.heard = False
        self._present.clear()
        _LOG.warning("the broker is gone: %s", reason)
        self.wake_all()

    async def reported(self, device_id: str, report: Reported) -> None:
        """A device says what it runs."""
        if self.twins.voice(device_id).hear_report(report, self._now()):
            self._wake_device(device_id)

    async def presence(self, device_id: str, presence: Presence) -> None:
        """A device came or went."""
        self._present.add(device_id)
        if self.twins.voice(device_id).hear_presence(presence, self._now()):
            self._wake_device(device_id)

    async def cleared(self, device_id: str, topic: Topic) -> None:
        """Somebody removed what the broker kept of a device: nothing new is known of it."""
        _LOG.info("%s of %s was cleared", topic.name, device_id)

    async def refused(self, topic: str, error: ContractError) -> None:
        """A message that breaks the contract changes nothing."""
        _LOG.warning("refused a message on %s: %s", topic, error)
