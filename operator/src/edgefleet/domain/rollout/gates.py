"""Whether a round is proved, or must stop: outcomes counted against the ring's bounds. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import AbortRule, RingFacts
from edgefleet.domain.rollout.standing import ELIGIBLE, FAILURES, IN_FLIGHT, JUDGED, OPEN, Stand, Standing

_WILSON_Z: Final = 1.96
"""95 % confidence."""
_COUNTED: Final = {
    "Failed": frozenset({Standing.FAILED}),
    "TimedOut": frozenset({Standing.TIMED_OUT}),
    "RolledBack": frozenset({Standing.ROLLED_BACK}),
    "Any": FAILURES,
}
_CIRCUMSTANCES: Final = frozenset({"DownloadFailed", "AckTimeout", "FlashError"})
"""Reasons that say nothing against the version: a registry that is away fails every version alike."""
_REASONS_KEPT: Final = 10
_SAID: Final = {"Failed": "failed", "TimedOut": "timed out", "RolledBack": "rolled back", "Any": "failed"}


@dataclass(frozen=True, slots=True)
class Tally:
    """Devices of a ring by standing."""

    by_standing: Mapping[Standing, int]
    offline_counts: bool = False
    offline_waits: bool = False

    def of(self, *standings: Standing) -> int:
        """Returns how many devices stand in any of these."""
        return self.among(standings)

    def among(self, standings: Iterable[Standing]) -> int:
        """Returns how many devices stand in any of these."""
        return sum(self.by_standing.get(standing, 0) for standing in standings)

    @property
    def total(self) -> int:
        """All devices of the ring."""
        return sum(self.by_standing.values())

    @property
    def size(self) -> int:
        """Devices that could be judged in this round, offline ones included: what `minSample` is capped by."""
        return self.among(ELIGIBLE)

    @property
    def judged(self) -> int:
        """Devices whose outcome is known."""
        return self.among(JUDGED) + (self.of(Standing.OFFLINE) if self.offline_counts else 0)

    @property
    def open(self) -> int:
        """Devices whose outcome will come."""
        return self.among(OPEN) + (self.of(Standing.OFFLINE) if self.offline_waits else 0)


def count_standings(stands: Iterable[Stand]) -> dict[Standing, int]:
    """Returns how many devices stand where. Counts by identity first: devices that stand alike share a stand."""
    known: dict[int, Stand] = {}
    listed = list(stands)
    known.update(zip(map(id, listed), listed, strict=True))
    counts: dict[Standing, int] = {}
    for key, number in Counter(map(id, listed)).items():
        standing = known[key].standing
        counts[standing] = counts.get(standing, 0) + number
    return counts


def tally(ring: RingFacts, stands: Iterable[Stand]) -> Tally:
    """Returns the ring's devices by standing, offline ones as its policy has it."""
    return Tally(count_standings(stands), ring.offline_policy == "count", ring.offline_policy == "wait")


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


def judge_gate(ring: RingFacts, counts: Tally, *, passed: bool = False, overdue: bool = False) -> Verdict:
    """Says whether the outcomes are good enough. An empty or unreachable ring does not pass for want of failures.

    Args:
        ring: for its bounds.
        counts: its devices.
        passed: the gate was passed already: who wakes, joins or leaves now takes that back only by failing.
        overdue: the ring's deadline has passed: devices in flight count as failed, nobody else is waited for.
    """
    updated = counts.of(Standing.UPDATED)
    judged = counts.judged + (counts.among(IN_FLIGHT) if overdue else 0)
    waiting = 0 if overdue or passed else counts.open
    if judged == 0 and waiting == 0:
        skipped = ring.on_empty == "skip" and not overdue
        return Verdict(skipped, "" if skipped else "RingEmpty", f"none of {counts.total} devices can be judged")
    sample = max(1, min(ring.min_sample, counts.size))
    evidence = f"{updated} of {judged} judged devices updated, {ring.success_percent} % of at least {sample} wanted"
    enough = updated * 100 >= ring.success_percent * (judged + waiting)
    good = judged >= (1 if passed else sample) and enough
    return Verdict(good, "" if good else "GateNotPassed", evidence)


def find_abort(ring: RingFacts, counts: Tally) -> str:
    """Returns the evidence for stopping the round at once, or an empty string.

    A rule fires when the Wilson lower bound of its failure rate exceeds the limit, or the raw rate does once the
    sample is large enough or the whole ring is judged.
    """
    for rule in ring.abort_when:
        failures, judged = counts.among(_COUNTED[rule.type]), counts.judged
        if judged and failures and _exceeds(rule, failures, judged, counts.size):
            return f"{failures} of {judged} judged devices {_SAID[rule.type]}, more than {rule.percent} %"
    return ""


def _exceeds(rule: AbortRule, failures: int, judged: int, size: int) -> bool:
    enough = judged >= min(rule.min_sample, size)
    return (enough and failures * 100 > rule.percent * judged) or wilson_low(failures, judged) * 100 > rule.percent


def wilson_low(successes: int, trials: int) -> float:
    """Returns the lower end of the 95 % Wilson score interval of a proportion, 0 to 1 (Wilson, JASA 22, 1927)."""
    share, z2 = successes / trials, _WILSON_Z**2
    centre = share + z2 / (2 * trials)
    spread = _WILSON_Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, (centre - spread) / (1 + z2 / trials))


@dataclass(frozen=True, slots=True)
class Blame:
    """What the failed devices of a round said.

    Attributes:
        failed: how many failed.
        reasons: theirs, most frequent first.
        against_version: at least one reason speaks against the version and not against circumstances.
    """

    failed: int
    reasons: tuple[str, ...]
    against_version: bool


def find_blame(stands: Sequence[Stand]) -> Blame:
    """Returns what the failed devices said."""
    reasons = Counter(stand.reason or stand.standing.value for stand in stands if stand.standing in FAILURES)
    ranked = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    against = any(reason not in _CIRCUMSTANCES for reason in reasons)
    return Blame(reasons.total(), tuple(ranked[:_REASONS_KEPT]), against)
