"""All promises at once."""

from edgefleet.simulation.invariants.check import Check, Violation
from edgefleet.simulation.invariants.commands import GenerationsRise, QuarantineHolds, RatesAreKept, SlotsAreBounded
from edgefleet.simulation.invariants.permissions import OnlyTheWillingAreTold, PausesHold, ProofsAreEarned
from edgefleet.simulation.invariants.rest import RestIsReached
from edgefleet.simulation.invariants.rounds import AbortsHold, NobodyIsBlamedUnheard, ProofsComeFirst


class Everything:
    """Every check, for one world.

    Attributes:
        checks: the observers to give to the world.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.checks: tuple[Check, ...] = (
            SlotsAreBounded(),
            ProofsComeFirst(),
            AbortsHold(),
            QuarantineHolds(),
            GenerationsRise(),
            NobodyIsBlamedUnheard(),
            RatesAreKept(),
            OnlyTheWillingAreTold(),
            PausesHold(),
            ProofsAreEarned(),
            RestIsReached(),
        )

    @property
    def violations(self) -> list[Violation]:
        """Every promise that was broken, in the order of time."""
        found = (violation for check in self.checks for violation in check.violations)
        return sorted(found, key=lambda violation: (violation.at, violation.check, violation.message))
