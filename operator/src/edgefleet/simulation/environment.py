"""What devices, broker and leaders share: the time, the dice, the registry, and who watches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from edgefleet.domain.rollout.facts import Artifact
from edgefleet.simulation.agenda import Agenda


class Act(StrEnum):
    """What a device does, as seen by someone who stands beside it."""

    OBEYS = "obeys"
    ENTERS = "enters"
    ACTIVATES = "activates"
    ENDS = "ends"
    RESTARTS = "restarts"
    FLASHED = "flashed"
    CONNECTS = "connects"
    LEAVES = "leaves"


@dataclass(slots=True)
class Environment:
    """Shared by everything in a world.

    Attributes:
        agenda: the time.
        random: the dice, for everything that is drawn on the way.
        artifacts: what the model registry serves, by digest; it forgets nothing.
        watch: called with a device's name and what it does.
    """

    agenda: Agenda
    random: Random
    artifacts: dict[str, Artifact] = field(default_factory=dict[str, Artifact])
    watch: Callable[[str, Act], None] = lambda _name, _act: None

    def vary(self, seconds: float, spread: float) -> float:
        """Returns a duration, longer by at most `spread` of itself."""
        return seconds * (1.0 + spread * self.random.random()) if spread else seconds
