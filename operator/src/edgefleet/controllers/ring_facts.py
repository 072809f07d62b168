"""RolloutRing objects to the planner's facts. Mapping only."""

from dataclasses import replace
from typing import Final

from edgefleet.api.labels import to_selector
from edgefleet.api.scalars import seconds
from edgefleet.api.v1alpha1.rolloutring import Abort as ApiAbort
from edgefleet.api.v1alpha1.rolloutring import RolloutRing, RolloutRingStatus
from edgefleet.api.v1alpha1.rolloutring import Target as ApiTarget
from edgefleet.api.v1alpha1.strategy import Deadlines, PromoteWhen
from edgefleet.api.windows import Window as ApiWindow
from edgefleet.controllers.times import parse_time
from edgefleet.domain.rollout.facts import (
    STRATA,
    Abort,
    AbortRule,
    HandledToken,
    MetricGate,
    PastRound,
    Proof,
    RingFacts,
    RingState,
    ShadowRule,
    Share,
    Target,
)
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Step
from edgefleet.domain.rollout.windows import Period, Window

TOKEN_PREFIX: Final = "edgefleet.io/"  # noqa: S105 - a prefix of annotations


def read_tokens(annotations: dict[str, str]) -> dict[str, str]:
    """Returns the token annotations by their names without the prefix; an empty one asks for nothing."""
    ours = {key: value for key, value in annotations.items() if key.startswith(TOKEN_PREFIX) and value}
    return {key.removeprefix(TOKEN_PREFIX): value for key, value in ours.items()}


def read_window(window: ApiWindow | None) -> Window | None:
    """Returns a maintenance window as the domain reads it."""
    if window is None:
        return None
    periods = tuple(Period(period.start, period.end, tuple(period.days)) for period in window.periods)
    return Window(window.time_zone, periods)


def read_ring(ring: RolloutRing) -> RingFacts:
    """Returns a ring with what it remembers."""
    spec = ring.spec
    strategy, promote = spec.strategy, spec.promote_when
    budget = strategy.budget if strategy else None
    rate = strategy.rate if strategy else None
    facts = RingFacts(
        name=ring.metadata.name,
        model=spec.model,
        generation=ring.metadata.generation or 0,
        selector=to_selector(spec.selector),
        pin=spec.model_version,
        track=spec.track,
        after=spec.after,
        limit=_read_share(spec.limit),
        stratify_by=spec.stratify_by or STRATA,
        max_concurrency=_read_share(strategy.max_concurrency) if strategy else None,
        rate_per_minute=rate.per_minute if rate else None,
        budget_label=budget.group_by if budget else None,
        budget=_read_share(budget.max_unavailable) if budget else None,
        budget_counts_offline=budget.count_offline if budget else True,
        success_percent=promote.success_percent if promote else 100,
        min_sample=promote.min_sample if promote else 1,
        soak=float(seconds(promote.soak)) if promote and promote.soak else 0.0,
        metrics=_read_metrics(promote),
        shadow=ShadowRule(spec.shadow.min_windows, spec.shadow.max_disagreement_percent) if spec.shadow else None,
        abort_when=tuple(AbortRule(rule.type, rule.percent, rule.min_sample) for rule in spec.abort_when),
        offline_policy=spec.offline_policy,
        on_empty=spec.on_empty,
        on_abort=spec.on_abort,
        needs_approval=spec.approval == "required",
        suspend=spec.suspend,
        window=read_window(spec.window),
        tokens=read_tokens(ring.metadata.annotations),
        state=_read_state(ring.status),
    )
    return _set_deadlines(facts, spec.deadlines)


def _set_deadlines(facts: RingFacts, deadlines: Deadlines | None) -> RingFacts:
    """Returns the ring with the clocks that Git sets; the planner knows what holds where it sets none."""
    if deadlines is None:
        return facts
    if deadlines.ack is not None:
        facts = replace(facts, ack_deadline=float(seconds(deadlines.ack)))
    if deadlines.progress is not None:
        facts = replace(facts, progress_deadline=float(seconds(deadlines.progress)))
    if deadlines.ring is not None:
        facts = replace(facts, ring_deadline=float(seconds(deadlines.ring)))
    return facts


def _read_metrics(promote: PromoteWhen | None) -> tuple[MetricGate, ...]:
    gates = promote.metrics if promote else ()
    return tuple(MetricGate(gate.metric, gate.max, gate.max_ratio, gate.control) for gate in gates)


def _read_state(status: RolloutRingStatus) -> RingState:
    step = Step(status.step) if status.step else Step.PENDING
    return RingState(
        step=step,
        since=parse_time(status.since),
        round=status.round or 0,
        started_at=parse_time(status.started_at),
        rolling_since=parse_time(status.rolling_since),
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
        abort=_read_abort(status.aborted) or (_guess_abort(status) if step in STOPPED_STEPS else None),
    )


def _read_abort(aborted: ApiAbort | None) -> Abort | None:
    if aborted is None:
        return None
    return Abort(
        at=parse_time(aborted.at),
        generation=aborted.generation,
        reason=aborted.reason,
        evidence=aborted.evidence,
        failed=aborted.failed,
        judged=aborted.judged,
        reasons=aborted.reasons,
        blames=aborted.blames,
    )


def _guess_abort(status: RolloutRingStatus) -> Abort:
    """Returns why a ring stopped that an operator stopped which did not write it down: it can be started again."""
    decision = status.decision
    evidence = decision.evidence if decision is not None else ""
    return Abort(parse_time(status.since), max(status.observed_generation, 0), "Aborted", evidence)


def _read_target(target: ApiTarget | None) -> Target | None:
    return Target(target.version, target.digest) if target is not None else None


def _read_share(share: int | str | None) -> Share | None:
    return int(share.removesuffix("%")) / 100 if isinstance(share, str) else share
