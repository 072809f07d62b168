"""What an update does to a board's flash: the layout and the journal of firmware/core, counted."""

from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import Artifact

SECTOR_BYTES: Final = 4096
_PAYLOAD_MAX: Final = 8192
_SECTOR_HEADER: Final = 16
_RECORD_HEADER: Final = 12
# ef_records.h: a record of each key, with the header that the journal adds. A command without sources has 140 bytes.
_COMMAND: Final = _RECORD_HEADER + 140
_OUTCOME: Final = _RECORD_HEADER + 136
_SLOT: Final = _RECORD_HEADER + 224
_WORD: Final = _RECORD_HEADER + 4
_ENROLMENT: Final = _RECORD_HEADER + 28
_FLOOR: Final = _RECORD_HEADER + 8
_LIVE: Final = _SECTOR_HEADER + _ENROLMENT + _WORD + _COMMAND + _OUTCOME + _FLOOR + _WORD + 2 * _SLOT
"""What a fresh journal sector holds: the latest record of each key."""

BOOT: Final = _WORD
"""Journal bytes of a boot: its count."""
OBEY: Final = _COMMAND
"""Of a command that was accepted."""
END: Final = _OUTCOME
"""Of an outcome."""
FILL: Final = 2 * _SLOT
"""Of a slot that is taken back, and filled again."""
TRY: Final = _SLOT
"""Of a slot that is being tested, or is no longer."""
SWITCH: Final = _WORD
"""Of another active slot."""


def count_sectors(size: int) -> int:
    """Returns how many sectors so many bytes fill."""
    return -(-size // SECTOR_BYTES)


def count_erases(artifact: Artifact) -> int:
    """Returns the sectors that a download erases: the model's, the manifest's in inbox and slot, and its payload's."""
    copies = 2 * count_sectors(artifact.manifest_bytes)
    return count_sectors(artifact.needs.size_bytes) + copies + count_payload_erases(artifact)


def count_payload_erases(artifact: Artifact) -> int:
    """Returns the sectors of a manifest's payload, decoded: erased whenever another manifest is read."""
    return count_sectors(min(artifact.manifest_bytes * 3 // 4, _PAYLOAD_MAX))


def count_bytes(artifact: Artifact) -> int:
    """Returns what a download moves over the air."""
    return artifact.needs.size_bytes + artifact.manifest_bytes


@dataclass(slots=True)
class Wear:
    """What a board's flash and its link have been through.

    Attributes:
        erases: sectors erased, the journal's included.
        air_bytes: bytes that were downloaded.
        journal: bytes that the journal's present sector holds.
    """

    erases: int = 0
    air_bytes: int = 0
    journal: int = _LIVE

    def download(self, artifact: Artifact, share: float = 1.0) -> None:
        """Counts a download, or the share of it that was done when it broke off."""
        self.erases += round(count_erases(artifact) * share)
        self.air_bytes += round(count_bytes(artifact) * share)

    def read(self, artifact: Artifact) -> None:
        """Counts what it takes to read another manifest than the last one."""
        self.erases += count_payload_erases(artifact)

    def record(self, size: int) -> None:
        """Counts journal records; where the sector is full, the live ones move to the other, which is erased first."""
        self.journal += size
        if self.journal > SECTOR_BYTES:
            self.erases += 1
            self.journal = _LIVE  # the new record takes its predecessor's place
