"""Whether a round is proved, or must stop: outcomes counted against the ring's bounds. Pure."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import AbortRule, RingFacts
from edgefleet.domain.rollout.standing import FAILURES, IN_FLIGHT, Stand, Standing

_WILSON_Z: Final = 1.96
"""95 % confidence."""
_COUNTED: Final = {
    "Failed": frozenset({Standing.FAILED}),
    "TimedOut": frozenset({Standing.TIMED_OUT}),
    "RolledBack": frozenset({Standing.ROLLED_BACK}),
    "Any": FAILURES,
}


@dataclass(frozen=True, slots=True)
class Tally:
    """Devices of a ring by standing."""

    by_standing: Counter[Standing]
    offline_counts: bool
    offline_waits: bool

    def of(self, *standings: Standing) -> int:
        """Returns how many devices stand in any of these."""
        return sum(self.by_standing[standing] for standing in standings)

    @property
    def total(self) -> int:
        """All devices of the ring."""
        return self.by_standing.total()

    @property
    def judged(self) -> int:
        """Devices whose outcome is known."""
        offline = self.of(Standing.OFFLINE) if self.offline_counts else 0
        return self.of(Standing.UPDATED, *FAILURES) + offline

    @property
    def open(self) -> int:
        """Devices whose outcome will come."""
        offline = self.of(Standing.OFFLINE) if self.offline_waits else 0
        return self.of(Standing.HELD, Standing.DEFERRED, *IN_FLIGHT) + offline


def tally(ring: RingFacts, stands: Iterable[Stand]) -> Tally:
    """Returns the ring's devices by standing, offline ones as its policy has it."""
    counted = Counter(stand.standing for stand in stands)
    return Tally(counted, ring.offline_policy == "count", ring.offline_policy == "wait")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the outcomes say so far.

    Attributes:
        passed: the gate is passed, whatever becomes of the devices that are still open.
        reason: one word where it is not: RingEmpty or GateNotPassed.
        evidence: the figures, for a person.
    """

    passed: bool
    reason: str
    evidence: str


def judge_gate(ring: RingFacts, counts: Tally) -> Verdict:
    """Says whether the outcomes are good enough. An empty or unreachable ring does not pass for want of failures."""
    updated, judged = counts.of(Standing.UPDATED), counts.judged
    if judged == 0 and counts.open == 0:
        passed = ring.on_empty == "skip"
        return Verdict(passed, "" if passed else "RingEmpty", f"none of {counts.total} devices can be judged")
    sample = min(ring.min_sample, counts.total)
    evidence = f"{updated} of {judged} judged devices updated, {ring.success_percent} % of at least {sample} wanted"
    enough = updated * 100 >= ring.success_percent * (judged + counts.open)
    passed = judged >= sample and judged > 0 and enough
    return Verdict(passed, "" if passed else "GateNotPassed", evidence)


def find_abort(ring: RingFacts, counts: Tally) -> str:
    """Returns the evidence for stopping the round at once, or an empty string.

    A rule fires when the Wilson lower bound of its failure rate exceeds the limit, or the raw rate does once the
    sample is large enough.
    """
    for rule in ring.abort_when:
        failures, judged = counts.of(*_COUNTED[rule.type]), counts.judged
        if judged and failures and _exceeds(rule, failures, judged, counts.total):
            kind = "failures" if rule.type == "Any" else f"devices {rule.type}"
            return f"{failures} {kind} among {judged} judged devices, more than {rule.percent} %"
    return ""


def _exceeds(rule: AbortRule, failures: int, judged: int, total: int) -> bool:
    enough = judged >= min(rule.min_sample, total)
    return (enough and failures * 100 > rule.percent * judged) or wilson_low(failures, judged) * 100 > rule.percent


def wilson_low(successes: int, trials: int) -> float:
    """Returns the lower end of the 95 % Wilson score interval of a proportion, 0 to 1 (Wilson, JASA 22, 1927)."""
    share, z2 = successes / trials, _WILSON_Z**2
    centre = share + z2 / (2 * trials)
    spread = _WILSON_Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, (centre - spread) / (1 + z2 / trials))
