"""Long rollouts in fewer steps: many small waves drawn together into some that move as many devices in as long. Pure.

A ring that moves 10,000 devices one by one would take 10,000 looks of the planner. Where a ring's bounds let so few
devices go at once that it would take too many, the bounds and the time of an update grow by the same factor: the
throughput stays, the waves get coarser. Gates, soak, windows and approvals stay as they are.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from edgefleet.domain.rollout.facts import FleetFacts, RingFacts, Share
from edgefleet.domain.rollout.membership import count_share
from edgefleet.domain.rollout.planner import Plan, RingPlan
from edgefleet.forecasting.pace import Pace, find_cost

WAVES_MAX: Final = 60
"""A ring's."""


@dataclass(frozen=True, slots=True)
class Coarsened:
    """Facts whose rings move in fewer steps.

    Attributes:
        facts: for the planner.
        factors: by ring: how much longer each of its updates takes, and how many waves one stands for.
    """

    facts: FleetFacts
    factors: Mapping[str, float]


def coarsen(facts: FleetFacts, first: Plan, pace: Pace, waves_max: int = WAVES_MAX) -> Coarsened:
    """Returns the facts with coarser bounds where a ring would need more than `waves_max` waves.

    Args:
        facts: everything known.
        first: the planner's answer to them: who owns what.
        pace: how fast devices are.
        waves_max: of a ring.
    """
    factors: dict[str, float] = {}
    rings: list[RingFacts] = []
    for ring in facts.rings:
        shown = first.rings[ring.name]
        seconds = _find_seconds(ring, facts, pace)
        slots = min(_count_slots(ring, shown), _count_by_rate(facts, ring, seconds))
        waves = len(shown.devices) / max(slots, 1e-9)
        if waves <= waves_max or not shown.devices:
            rings.append(ring)
            continue
        wanted = -(-len(shown.devices) // waves_max)
        factors[ring.name] = wanted / slots
        rings.append(_widen(ring, wanted, factors[ring.name]))
    unbounded = {ring.name: None for ring in rings if ring.name in factors}
    bounded = replace(facts, rings=tuple(rings), rate_per_minute=None if unbounded else facts.rate_per_minute)
    return Coarsened(bounded, factors)


def _find_seconds(ring: RingFacts, facts: FleetFacts, pace: Pace) -> float:
    costs = [
        find_cost(artifact, pace, kept=False).seconds
        for version in facts.versions
        if version.model == ring.model
        for artifact in version.artifacts.values()
    ]
    return max(costs, default=pace.update_seconds)


def _count_slots(ring: RingFacts, shown: RingPlan) -> float:
    """Returns how many devices of the ring can be changed at once."""
    total = len(shown.devices)
    slots = total if ring.max_concurrency is None else count_share(ring.max_concurrency, total)
    if ring.budget is None:
        return slots
    label = ring.budget_label
    groups = Counter(device.labels.get(label) if label else None for device in shown.devices)
    return min(slots, sum(count_share(ring.budget, size) for size in groups.values()))


def _count_by_rate(facts: FleetFacts, ring: RingFacts, seconds: float) -> float:
    rates = [rate for rate in (facts.rate_per_minute, ring.rate_per_minute) if rate is not None]
    return min((rate * seconds / 60 for rate in rates), default=float("inf"))


def _widen(ring: RingFacts, wanted: int, factor: float) -> RingFacts:
    return replace(
        ring,
        max_concurrency=wanted,
        rate_per_minute=None,
        budget=_scale(ring.budget, factor),
        ack_deadline=ring.ack_deadline * factor,
        progress_deadline=ring.progress_deadline * factor,
    )


def _scale(share: Share | None, factor: float) -> Share | None:
    if share is None:
        return None
    return max(1, round(share * factor)) if isinstance(share, int) else min(1.0, share * factor)
