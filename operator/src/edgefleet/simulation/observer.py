"""Those who watch a world from outside: they see the truth of the devices, not only what a leader believes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.effects import Effect
from edgefleet.domain.rollout.facts import FleetFacts
from edgefleet.domain.rollout.planner import Plan
from edgefleet.simulation.environment import Act
from edgefleet.simulation.moves import Move

if TYPE_CHECKING:
    from edgefleet.simulation.leader import Leader
    from edgefleet.simulation.world import World


@dataclass(frozen=True, slots=True)
class Sent:
    """A command that went to the broker.

    Attributes:
        at: POSIX seconds.
        device: to whom.
        digest: of the artifact to run; None asks for no model.
        generation: its number.
        ring: the ring that asked for it; None for a pin.
        leader: which leader sent it, counted from 1.
        again: said once more, because the broker or a new leader may have lost it: nothing was decided.
    """

    at: float
    device: str
    digest: str | None
    generation: int
    ring: str | None
    leader: int
    again: bool = False


class Observer:
    """Watches and changes nothing. Each method does nothing here; arguments go by place."""

    def begin(self, world: "World", /) -> None:
        """Called before anything happens."""

    def see_pass(self, leader: "Leader", facts: FleetFacts, decided: Plan, /) -> None:
        """Called when a plan was made, before its effects."""

    def see_effect(self, leader: "Leader", effect: Effect, /) -> None:
        """Called before an effect is carried out."""

    def see_command(self, leader: "Leader", sent: Sent, /) -> None:
        """Called when a command was handed to the broker."""

    def see_device(self, world: "World", name: str, act: Act, /) -> None:
        """Called when a device does something."""

    def see_move(self, world: "World", move: Move, /) -> None:
        """Called after Git has moved."""

    def see_leader(self, world: "World", leader: "Leader", /) -> None:
        """Called when a leader starts."""

    def see_end(self, world: "World", /) -> None:
        """Called when the world has come to rest, or its time is up."""
