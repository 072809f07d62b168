"""Where a device can stand in its ring's round, and what each standing counts as. One table for planner and docs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edgefleet.domain.rollout.facts import Artifact


class Standing(StrEnum):
    """A device's place in a round; each device has exactly one."""

    UPDATED = "Updated"
    HELD = "Held"
    COMMANDED = "Commanded"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    REJECTED = "Rejected"
    ROLLED_BACK = "RolledBack"
    DEFERRED = "Deferred"
    OFFLINE = "Offline"
    EXCLUDED = "Excluded"
    CONFLICT = "Conflict"
    UNASSIGNED = "Unassigned"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a standing counts as.

    Attributes:
        when: the definition, for a person.
        judged: its outcome is known and counts in every percentage.
        open: its outcome will come; the gate does not pass over it.
        failure: counts against the round.
        in_flight: is being changed: holds a slot and uses up its group's budget.
        eligible: could be judged in this round: the ring's size, as `minSample` is capped by it.
    """

    when: str
    judged: bool = False
    open: bool = False
    failure: bool = False
    in_flight: bool = False
    eligible: bool = True


STANDINGS: Final[dict[Standing, Meaning]] = {
    Standing.UPDATED: Meaning("reports the target's digest, and was last told to run it or nothing", judged=True),
    Standing.HELD: Meaning("could be told, and waits for a slot, a budget, a rate, a window or a gate", open=True),
    Standing.COMMANDED: Meaning("was told in this round and has not acknowledged it yet", open=True, in_flight=True),
    Standing.IN_PROGRESS: Meaning("has acknowledged the command and is at it", open=True, in_flight=True),
    Standing.FAILED: Meaning(
        "says that it failed, or that it is done while it runs something else", judged=True, failure=True
    ),
    Standing.TIMED_OUT: Meaning(
        "was told, is online, and neither acknowledged nor made progress in time", judged=True, failure=True
    ),
    Standing.REJECTED: Meaning(
        "cannot take it: no artifact for its class, it does not fit, or it says no", eligible=False
    ),
    Standing.ROLLED_BACK: Meaning("tried it and went back by itself", judged=True, failure=True),
    Standing.DEFERRED: Meaning("asked for later; neither a failure nor an outcome", open=True),
    Standing.OFFLINE: Meaning("is not connected and does not run the target; offlinePolicy says how it counts"),
    Standing.EXCLUDED: Meaning(
        "is left alone: revoked, pinned, updates disabled, blocked, or never moved", eligible=False
    ),
    Standing.CONFLICT: Meaning(
        "reports a generation nobody recorded and a digest that is neither target nor stable", eligible=False
    ),
    Standing.UNASSIGNED: Meaning("is in no ring", eligible=False),
}
"""What each standing counts as."""


def _standings(flag: str) -> frozenset[Standing]:
    return frozenset(standing for standing, meaning in STANDINGS.items() if getattr(meaning, flag))


IN_FLIGHT: Final = _standings("in_flight")
FAILURES: Final = _standings("failure")
OPEN: Final = _standings("open")
JUDGED: Final = _standings("judged")
ELIGIBLE: Final = _standings("eligible")


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a device stands, and why. Devices that stand alike share one.

    Attributes:
        standing: where.
        ring: the ring that owns it, None where none does.
        artifact: its class's file of what is wanted of it, None where there is none.
        reason: one word; the device's own where it gave one; empty when there is nothing to say.
        message: a sentence, possibly empty.
        holds_slot: counts against concurrency and budget: in flight, or out of sight with an open command.
    """

    standing: Standing
    ring: str | None = None
    artifact: Artifact | None = None
    reason: str = ""
    message: str = ""
    holds_slot: bool = False


UNASSIGNED: Final = Stand(Standing.UNASSIGNED, None, None, "Unassigned", "is in no ring")


class SharedStands:
    """Gives devices of a ring that stand alike the same stand: a fleet has few."""

    def __init__(self, ring: str) -> None:
        """Start with none.

        Args:
            ring: the ring's name.
        """
        self._ring = ring
        self._known: dict[tuple[Standing, str, str, str, bool], Stand] = {}

    def stand(
        self,
        standing: Standing,
        artifact: Artifact | None,
        reason: str = "",
        message: str = "",
        *,
        holds_slot: bool = False,
    ) -> Stand:
        """Returns the stand with these values."""
        key = (standing, artifact.digest if artifact is not None else "", reason, message, holds_slot)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Stand(standing, self._ring, artifact, reason, message, holds_slot)
        return found
