"""What an update costs a device that behaves: bytes, seconds, flash. Pure; the figures are the firmware's own."""

from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import Artifact

SECTOR_BYTES: Final = 4096
"""EF_FLASH_SECTOR of the firmware."""
MANIFEST_COPIES: Final = 2
"""A manifest is fetched into the inbox and copied beside its slot once it is accepted."""
PAYLOAD_BYTES_MAX: Final = 8192
"""EF_MANIFEST_MAX of the firmware: what a manifest's envelope carries, decoded into flash where a device reads it."""
BANDWIDTH: Final = 32_000
"""Bytes a second: TLS on a microcontroller's Wi-Fi, with room to spare."""
UPDATE_SECONDS: Final = 10.0
"""To verify, hash, test and switch."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast devices are taken to be.

    Attributes:
        bandwidth: bytes a second, each device.
        update_seconds: all that is not the download.
    """

    bandwidth: int = BANDWIDTH
    update_seconds: float = UPDATE_SECONDS


@dataclass(frozen=True, slots=True)
class Cost:
    """What one update of one device takes.

    Attributes:
        model_bytes: of the file, over the air.
        manifest_bytes: of its signed manifest, over the air.
        sectors: flash sectors of 4 KiB that are erased; the journal's come once in a few dozen updates.
        seconds: from command to confirmation.
    """

    model_bytes: int
    manifest_bytes: int
    sectors: int
    seconds: float

    @property
    def bytes(self) -> int:
        """All that goes over the air."""
        return self.model_bytes + self.manifest_bytes


def find_cost(artifact: Artifact, pace: Pace, *, kept: bool) -> Cost:
    """Returns the cost of one update.

    Args:
        artifact: the file.
        pace: of the device.
        kept: the device has it in its other slot, so that it only switches.
    """
    size, manifest = artifact.needs.size_bytes, artifact.manifest_bytes
    # Base64 is a third longer than what it carries.
    payload = _count_sectors(min(manifest * 3 // 4, PAYLOAD_BYTES_MAX))
    if kept:
        return Cost(0, 0, payload, pace.update_seconds)
    sectors = _count_sectors(size) + MANIFEST_COPIES * _count_sectors(manifest) + payload
    return Cost(size, manifest, sectors, (size + manifest) / pace.bandwidth + pace.update_seconds)


def _count_sectors(count: int) -> int:
    return -(-count // SECTOR_BYTES)
