"""What goes over the wire, as far as a rollout can tell. Pure values."""

from enum import StrEnum
from typing import Final, NamedTuple

from edgefleet.domain.device.ordering import Moment
from edgefleet.domain.rollout.facts import Progress


class Phase(StrEnum):
    """Where a device is with the command it last obeyed; the words are the wire contract's."""

    IDLE = "Idle"
    DEFERRED = "Deferred"
    DOWNLOADING = "Downloading"
    VERIFYING = "Verifying"
    TESTING = "Testing"
    CONFIRMED = "Confirmed"
    FAILED = "Failed"
    REJECTED = "Rejected"
    ROLLED_BACK = "RolledBack"


WORKING: Final = (Phase.DOWNLOADING, Phase.VERIFYING, Phase.TESTING)
"""Under way, in this order."""

PROGRESS: Final = {
    Phase.IDLE: Progress.NONE,
    Phase.DEFERRED: Progress.DEFERRED,
    Phase.DOWNLOADING: Progress.WORKING,
    Phase.VERIFYING: Progress.WORKING,
    Phase.TESTING: Progress.WORKING,
    Phase.CONFIRMED: Progress.DONE,
    Phase.FAILED: Progress.FAILED,
    Phase.REJECTED: Progress.REJECTED,
    Phase.ROLLED_BACK: Progress.ROLLED_BACK,
}


class Desired(NamedTuple):
    """A command.

    Attributes:
        generation: its number.
        digest: of the artifact to run; None asks for no model.
    """

    generation: int
    digest: str | None


class Words(NamedTuple):
    """What a report says, its moment and what changes by itself left out: two equal ones are no news.

    Attributes:
        digest: of the artifact in the active slot; None without a model.
        generation: the last command it observed.
        phase: how far it is with that.
        reason: one word, empty where all is well.
        floor: the highest security version that it has accepted.
        previous: digest in the other slot, where that is whole and was tested.
    """

    digest: str | None
    generation: int
    phase: Phase
    reason: str
    floor: int = 0
    previous: str | None = None


class Reported(NamedTuple):
    """A device's report.

    Attributes:
        moment: when, by the device's own counters.
        words: what it says.
        tested: whether the active model passed its self-test; None where none was run.
        latency_us: of one inference.
    """

    moment: Moment
    words: Words
    tested: bool | None
    latency_us: int | None


class Presence(NamedTuple):
    """A device, or the broker on its behalf, says whether it is there."""

    enrolment_id: str
    boot_count: int
    online: bool
