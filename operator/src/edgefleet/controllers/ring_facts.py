"""RolloutRing objects to the planner's facts. Mapping only."""

from typing import Final

from edgefleet.api.labels import to_selector
from edgefleet.api.scalars import seconds
from edgefleet.api.v1alpha1.conditions import ConditionType
from edgefleet.api.v1alpha1.rolloutring import RolloutRing, RolloutRingSpec, RolloutRingStatus
from edgefleet.api.v1alpha1.rolloutring import Target as ApiTarget
from edgefleet.api.windows import Window as ApiWindow
from edgefleet.controllers.conditions import find_condition
from edgefleet.controllers.times import parse_time
from edgefleet.domain.rollout.facts import (
    AbortRule,
    HandledToken,
    PastRound,
    Proof,
    RingFacts,
    RingState,
    Share,
    Step,
    Target,
)
from edgefleet.domain.rollout.windows import Period, Window

TOKEN_PREFIX: Final = "edgefleet.io/"  # noqa: S105 - a prefix of annotations


def read_tokens(annotations: dict[str, str]) -> dict[str, str]:
    """Returns the token annotations by their names without the prefix."""
    return {key.removeprefix(TOKEN_PREFIX): value for key, value in annotations.items() if key.startswith(TOKEN_PREFIX)}


def read_window(window: ApiWindow | None) -> Window | None:
    """Returns a maintenance window as the domain reads it."""
    if window is None:
        return None
    periods = tuple(Period(period.start, period.end, tuple(period.days)) for period in window.periods)
    return Window(window.time_zone, periods)


def read_ring(ring: RolloutRing) -> RingFacts:
    """Returns a ring with what it remembers."""
    spec = ring.spec
    strategy, promote, deadlines = spec.strategy, spec.promote_when, spec.deadlines
    budget = strategy.budget if strategy else None
    return RingFacts(
        name=ring.metadata.name,
        model=spec.model,
        generation=ring.metadata.generation or 0,
        selector=to_selector(spec.selector),
        pin=spec.model_version,
        track=spec.track,
        after=spec.after,
        limit=_read_share(spec.limit),
        max_concurrency=_read_share(strategy.max_concurrency) if strategy else None,
        budget_label=budget.group_by if budget else None,
        budget=_read_share(budget.max_unavailable) if budget else None,
        budget_counts_offline=budget.count_offline if budget else True,
        success_percent=promote.success_percent if promote else 100,
        min_sample=promote.min_sample if promote else 1,
        soak=float(seconds(promote.soak)) if promote and promote.soak else 0.0,
        abort_when=tuple(AbortRule(rule.type, rule.percent, rule.min_sample) for rule in spec.abort_when),
        ack_deadline=_read_duration(deadlines.ack if deadlines else None),
        progress_deadline=_read_duration(deadlines.progress if deadlines else None),
        ring_deadline=_read_duration(deadlines.ring if deadlines else None),
        offline_policy=spec.offline_policy,
        on_empty=spec.on_empty,
        on_abort=spec.on_abort,
        needs_approval=spec.approval == "required",
        suspend=spec.suspend,
        window=read_window(spec.window),
        tokens=read_tokens(ring.metadata.annotations),
        unsupported=_find_unsupported(spec),
        state=_read_state(ring.status),
    )


def _find_unsupported(spec: RolloutRingSpec) -> tuple[str, ...]:
    """Returns the fields that nothing here obeys yet: a ring that relies on one is held, never run without it."""
    found = {
        "spec.strategy.rate": spec.strategy is not None and spec.strategy.rate is not None,
        "spec.promoteWhen.metrics": spec.promote_when is not None and bool(spec.promote_when.metrics),
        "spec.shadow": spec.shadow is not None,
    }
    return tuple(name for name, used in found.items() if used)


def _read_state(status: RolloutRingStatus) -> RingState:
    stalled = find_condition(status.conditions, ConditionType.STALLED)
    return RingState(
        step=Step(status.step) if status.step and status.step != "Gating" else Step.PENDING,
        since=parse_time(status.since),
        round=status.round or 0,
        started_at=parse_time(status.started_at),
        target=_read_target(status.target),
        stable=_read_target(status.stable),
        proven=tuple(Proof(each.digest, each.version, each.round, parse_time(each.at)) for each in status.proven),
        history=tuple(
            PastRound(
                round=each.round,
                version=each.version,
                outcome=each.outcome,
                started_at=parse_time(each.started_at),
                finished_at=parse_time(each.finished_at),
                updated=each.updated,
                failed=each.failed,
            )
            for each in status.history
        ),
        tokens=tuple(HandledToken(token.name, token.value, parse_time(token.at)) for token in status.handled_tokens),
        aborted_generation=stalled.observed_generation if stalled is not None else status.observed_generation,
    )


def _read_target(target: ApiTarget | None) -> Target | None:
    return Target(target.version, target.digest) if target is not None else None


def _read_share(share: int | str | None) -> Share | None:
    return int(share.removesuffix("%")) / 100 if isinstance(share, str) else share


def _read_duration(duration: str | None) -> float | None:
    return float(seconds(duration)) if duration is not None else None
