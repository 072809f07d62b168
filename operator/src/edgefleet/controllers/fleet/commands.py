"""What each device was last told, under which generation. Signs; must not publish.

The same content keeps its generation, and signatures are deterministic, so saying it again is saying the same bytes.
How generations are given out: `domain.rollout.numbering`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgefleet.contracts.commands import sign_command
from edgefleet.contracts.desired import Assignment, Settings
from edgefleet.contracts.keys import SigningKey
from edgefleet.domain.rollout.facts import Artifact, Command
from edgefleet.domain.rollout.numbering import Numbering


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a command says to its device.

    Attributes:
        artifact: what to run; None leaves the model alone.
        settings: how; None for the firmware's defaults.
        file_name: of the model, for people.
    """

    artifact: Artifact | None
    settings: Settings | None
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A command.

    Attributes:
        command: as the planner knows it; None where no model is asked for.
        generation: its number.
        content: what it says; None for one that an earlier process issued.
        payload: the signed bytes; empty for one that an earlier process issued.
        sent: whether the broker has taken it in this session.
    """

    command: Command | None
    generation: int
    content: Content | None
    payload: bytes = b""
    sent: bool = False


class CommandBook:
    """The last command of every device."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        """Start an empty book.

        Args:
            keys: assignment keys to sign with, one to four.
        """
        self._keys = keys
        self._issued: dict[str, Issued] = {}
        self._numbering = Numbering()

    @property
    def epoch(self) -> int:
        """The epoch of this leadership; 0 before `open_epoch`."""
        return self._numbering.epoch

    def open_epoch(self, highest_generation: int, highest_epoch: int) -> None:
        """Begins an epoch above everything seen.

        Args:
            highest_generation: of any command that anybody recorded or reports.
            highest_epoch: that any ring recorded.
        """
        self._numbering = self._numbering.open_epoch(highest_generation, highest_epoch)

    def rise_above(self, generation: int) -> None:
        """Makes sure that the next command outranks a generation that a device reports, in a new epoch if need be."""
        if generation > self._numbering.generation:
            self.open_epoch(generation, self._numbering.epoch)

    def find(self, device: str) -> Issued | None:
        """Returns the last command of a device."""
        return self._issued.get(device)

    def restore(self, device: str, command: Command) -> Issued:
        """Notes a command that an earlier process recorded; its content is not known."""
        issued = Issued(command, command.generation, None)
        self._issued[device] = issued
        return issued

    def adopt(self, device: str, content: Content) -> None:
        """Notes what the content of a restored command must have been: the device reports just that."""
        issued = self._issued[device]
        self._issued[device] = replace(issued, content=content, sent=True)

    def issue(self, device: str, content: Content, command: Command | None, above: int) -> Issued:
        """Signs a command under a new generation.

        Args:
            device: its id.
            content: what it says.
            command: for the planner; its generation is replaced by the new one.
            above: a generation that the device reports: the new one is higher.

        Returns:
            The command, not yet sent.
        """
        self._numbering = self._numbering.advance(above)
        generation = self._numbering.generation
        artifact = content.artifact
        assignment = Assignment(
            device_id=device,
            generation=generation,
            manifest_digest=artifact.manifest_digest if artifact else None,
            settings=content.settings,
        )
        payload = sign_command(
            assignment,
            self._keys,
            file_name=content.file_name,
            manifest_bytes=artifact.manifest_bytes if artifact else None,
        )
        numbered = replace(command, generation=generation) if command is not None else None
        issued = Issued(numbered, generation, content, payload)
        self._issued[device] = issued
        return issued

    def mark_sent(self, device: str, issued: Issued) -> None:
        """Notes that the broker took a command, unless another one followed meanwhile."""
        if self._issued.get(device) is issued:
            self._issued[device] = replace(issued, sent=True)

    def forget(self, device: str) -> None:
        """Drops a device that is gone."""
        self._issued.pop(device, None)

    def unsend(self) -> None:
        """Notes that the broker may have lost everything: it is a wire, not a store."""
        self._issued = {name: replace(issued, sent=False) for name, issued in self._issued.items()}

    def unsent(self) -> list[tuple[str, Issued]]:
        """Returns the commands that the broker has to be told."""
        return [(name, issued) for name, issued in self._issued.items() if issued.payload and not issued.sent]
