"""What a leader remembers of devices. Lost with it: a new one starts from what store and broker keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edgefleet.domain.device.compatibility import Abilities
from edgefleet.domain.rollout.facts import Command, DeviceFacts
from edgefleet.domain.rollout.numbering import Numbering
from edgefleet.simulation.messages import Presence, Reported
from edgefleet.simulation.store import EMPTY, Record, Store
from edgefleet.simulation.twins import Twin


@dataclass(slots=True)
class Issued:
    """The last command of a device.

    Attributes:
        command: as the planner knows it; None where no model is asked for.
        generation: its number.
        known: whether its content is known; of one that an earlier process wrote down it is not.
        sent: whether the broker has it.
    """

    command: Command | None
    generation: int
    known: bool = True
    sent: bool = False

    @property
    def digest(self) -> str | None:
        """Of the artifact that it asks for."""
        return self.command.digest if self.command is not None else None


class Memory:
    """Twins, the book of commands, and what is to be written down.

    Attributes:
        twins: what devices have said, by name.
        book: the last command of each device.
        notes: what each device's status should say.
        numbering: of commands.
    """

    def __init__(self, store: Store, abilities: Mapping[str, Abilities]) -> None:
        """Start with what the store has.

        Args:
            store: what earlier processes wrote down.
            abilities: what each device says it can hold, once it is heard.
        """
        self.twins: dict[str, Twin] = {}
        self.book: dict[str, Issued] = {}
        self.notes: dict[str, Record] = dict(store.records)
        self.numbering = Numbering()
        self._store = store
        self._abilities = abilities
        self._facts: dict[str, DeviceFacts] = {}
        self._stale: set[str] = set(store.devices)

    def hear_report(self, name: str, report: Reported, now: float) -> bool:
        """Takes a report. Says whether it is news of a declared device."""
        twin = self.twins.get(name)
        if twin is None:
            twin = self.twins[name] = Twin()
        if not twin.hear_report(report, now):
            return False
        issued = self.book.get(name)
        if twin.anew and issued is not None and report.words.generation < issued.generation:
            issued.sent = False  # a board that was flashed: the broker may have lost what it should find
        return self._note_news(name)

    def hear_presence(self, name: str, presence: Presence, now: float) -> bool:
        """Takes a coming or going. Says whether it is news of a declared device."""
        twin = self.twins.get(name)
        if twin is None:
            twin = self.twins[name] = Twin()
        return twin.hear_presence(presence, now) and self._note_news(name)

    def _note_news(self, name: str) -> bool:
        self._stale.add(name)
        return name in self._store.devices

    def resume(self, present: Mapping[str, Presence], now: float) -> None:
        """Begins a session with the broker: whoever it does not know of is gone, and everything is said again."""
        for issued in self.book.values():
            issued.sent = False
        for name, twin in self.twins.items():
            if name not in present and twin.doubt(now):
                self._stale.add(name)

    def take_declared(self, names: Iterable[str]) -> list[str]:
        """Takes devices that were added, changed or removed; returns those that are gone."""
        gone: list[str] = []
        for name in names:
            self._stale.add(name)
            if name in self._store.devices:
                self.notes.setdefault(name, EMPTY)
            elif name in self.notes:
                gone.append(name)
                for known in (self.book, self.notes, self._facts):
                    known.pop(name, None)
        return gone

    def open_epoch(self) -> None:
        """Begins an epoch above every generation that anybody has seen."""
        reported = (twin.report.generation for twin in self.twins.values() if twin.report is not None)
        highest = max(reported, default=0)
        self.numbering = self.numbering.open_epoch(max(highest, self._store.highest_generation()), self._store.epoch)

    def observed(self, name: str) -> int:
        """Returns the last generation that a device says it has seen."""
        twin = self.twins.get(name)
        return twin.report.generation if twin is not None and twin.report is not None else 0

    def runs(self, name: str) -> str | None:
        """Returns the digest that a device says it runs."""
        twin = self.twins.get(name)
        return twin.report.digest if twin is not None and twin.report is not None else None

    def find(self, name: str) -> Issued | None:
        """Returns a device's last command, from memory or, in a new process, from what was written down."""
        issued = self.book.get(name)
        if issued is None:
            command = self.notes.get(name, EMPTY).command
            if command is not None:
                issued = self.book[name] = Issued(command, command.generation, known=False)
        return issued

    def issue(self, name: str, command: Command | None) -> Issued:
        """Notes a command under a new generation."""
        self.numbering = self.numbering.advance(self.observed(name))
        generation = self.numbering.generation
        numbered = replace(command, generation=generation) if command is not None else None
        issued = self.book[name] = Issued(numbered, generation)
        self.note(name, command=numbered)
        return issued

    def note(self, name: str, **changes: object) -> None:
        """Notes what a device's status should say from now on."""
        self.notes[name] = replace(self.notes.get(name, EMPTY), **changes)
        self._stale.add(name)

    def read_devices(self) -> tuple[DeviceFacts, ...]:
        """Returns every declared device as it is known; those of which nothing was heard since are the same objects."""
        for name in self._stale:
            declared = self._store.devices.get(name)
            if declared is not None:
                self._facts[name] = self._read_device(declared)
        self._stale.clear()
        return tuple(self._facts.values())

    def _read_device(self, declared: DeviceFacts) -> DeviceFacts:
        name = declared.name
        twin, note, issued = self.twins.get(name) or Twin(), self.notes.get(name, EMPTY), self.find(name)
        tokens = declared.tokens
        if tokens:
            handled = dict(note.handled)
            tokens = {key: value for key, value in tokens.items() if handled.get(key) != value}
        return DeviceFacts(
            name,
            declared.device_class,
            declared.labels,
            note.ring,
            declared.class_known,
            self._read_abilities(name, twin),
            twin.online,
            twin.since,
            declared.updates_enabled,
            declared.revoked,
            declared.pin,
            declared.window,
            issued.command if issued is not None else None,
            twin.report,
            note.last_good,
            tokens,
        )

    def _read_abilities(self, name: str, twin: Twin) -> Abilities | None:
        found = self._abilities.get(name)
        if found is None or twin.report is None:
            return None
        return found if found.security_floor == twin.floor else replace(found, security_floor=twin.floor)
