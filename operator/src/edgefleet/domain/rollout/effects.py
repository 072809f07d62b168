"""What a plan wants done. A closed union: the executor matches every member. Pure values; each is idempotent."""

from dataclasses import dataclass

from edgefleet.domain.rollout.facts import Artifact, Quarantine, RingState


@dataclass(frozen=True, slots=True)
class SaveRing:
    """Store a ring's state, before any command that follows from it is sent."""

    ring: str
    state: RingState


@dataclass(frozen=True, slots=True)
class QuarantineVersion:
    """Give nobody this version any more, and say on whose evidence."""

    model: str
    version: str
    digest: str
    quarantine: Quarantine


@dataclass(frozen=True, slots=True)
class LiftQuarantine:
    """End the quarantine: a person asked the ring whose evidence it was to try again."""

    model: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class RecallCommand:
    """Rewrite what the broker keeps for a device, so that it no longer asks for the model that nobody wants now.

    The device keeps what it runs. Needs no slot and disturbs nothing; sleeping devices are recalled too.
    """

    device: str
    ring: str | None
    digest: str
    """Of the artifact that was asked for."""


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Tell a device what to run. The same content keeps its generation unless `renew` asks for another try.

    Attributes:
        device: its name.
        model: the model.
        version: the version.
        artifact: the file for the device's class.
        ring: the ring that assigns it, None for a pin.
        renew: a new generation even for the same content: another try at what failed before.
        attempt: which try in a row.
        last_good: digest of the artifact to return to, should this one fail; recorded beside the command.
    """

    device: str
    model: str
    version: str
    artifact: Artifact
    ring: str | None
    renew: bool = False
    attempt: int = 1
    last_good: str | None = None


@dataclass(frozen=True, slots=True)
class HandleToken:
    """Echo a device's token annotation in its status: it was acted on."""

    device: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TellEvent:
    """Tell people about a ring's transition."""

    ring: str
    reason: str
    message: str
    warning: bool = False


Effect = SaveRing | QuarantineVersion | LiftQuarantine | RecallCommand | SendCommand | HandleToken | TellEvent
