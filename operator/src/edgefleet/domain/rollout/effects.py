"""What a plan wants done. A closed union: the executor matches every member. Pure values."""

from dataclasses import dataclass

from edgefleet.domain.rollout.facts import Artifact, RingState


@dataclass(frozen=True, slots=True)
class SaveRing:
    """Store a ring's state, before any command that follows from it is sent. Idempotent."""

    ring: str
    state: RingState


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Tell a device what to run. Idempotent: the same content keeps its generation unless `renew` asks for another try.

    Attributes:
        device: its name.
        model: the model.
        version: the version.
        artifact: the file for the device's class.
        ring: the ring that assigns it, None for a pin.
        renew: a new generation even for the same content: another try at what failed before.
    """

    device: str
    model: str
    version: str
    artifact: Artifact
    ring: str | None
    renew: bool = False


@dataclass(frozen=True, slots=True)
class TellEvent:
    """Tell people about a ring's transition."""

    ring: str
    reason: str
    message: str
    warning: bool = False


Effect = SaveRing | SendCommand | TellEvent
