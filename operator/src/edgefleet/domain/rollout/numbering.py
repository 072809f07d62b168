"""Generations of commands: epoch << 32 | sequence. Pure; a device obeys only a generation above the last it has seen.

Each start of leadership takes an epoch above every generation that anybody has seen, so a new leader's commands outrank
an old one's; within an epoch the sequence counts.
"""

from dataclasses import dataclass
from typing import Final

SEQUENCE_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Numbering:
    """The last generation that was given out; epoch 0 stands for a leadership that has not begun."""

    epoch: int = 0
    sequence: int = 0

    @property
    def generation(self) -> int:
        """The last generation as it travels."""
        return self.epoch << SEQUENCE_BITS | self.sequence

    def open_epoch(self, highest_generation: int, highest_epoch: int) -> "Numbering":
        """Returns the numbering of a leadership that begins.

        Args:
            highest_generation: that anybody recorded or that any device reports.
            highest_epoch: that a ring or the Lease recorded.
        """
        return Numbering(1 + max(self.epoch, highest_epoch, highest_generation >> SEQUENCE_BITS))

    def advance(self, above: int) -> "Numbering":
        """Returns the numbering with one more generation given out, above `above`, which a device reports."""
        following = Numbering(self.epoch, self.sequence + 1)
        if following.generation > above and following.sequence >> SEQUENCE_BITS == 0:
            return following
        return self.open_epoch(above, self.epoch).advance(0)
