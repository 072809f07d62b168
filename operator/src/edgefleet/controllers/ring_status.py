"""A ring's part of a plan to RolloutRing.status. Mapping only."""

from collections.abc import Iterator

from edgefleet.api.meta import HandledToken
from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.rolloutring import (
    Decision,
    Failure,
    Proof,
    RingCounts,
    Rollout,
    RolloutRing,
    RolloutRingStatus,
    Target,
)
from edgefleet.controllers.conditions import Wanted, find_condition, merge_conditions
from edgefleet.controllers.times import format_time
from edgefleet.domain.rollout import facts
from edgefleet.domain.rollout.facts import RingState, Step
from edgefleet.domain.rollout.gates import Tally
from edgefleet.domain.rollout.planner import RingPlan
from edgefleet.domain.rollout.standing import FAILURES, Standing

_FAILURES_SHOWN = 10
_MESSAGE_MAX = 253


def show_ring(ring: RolloutRing, plan: RingPlan, epoch: int, now: float) -> RolloutRingStatus:
    """Returns the status to store.

    Args:
        ring: the object with its status so far.
        plan: the ring after the pass.
        epoch: of the leader that writes.
        now: POSIX seconds.
    """
    state, generation = plan.turn.state, ring.metadata.generation or 0
    return RolloutRingStatus(
        observed_generation=generation,
        step=state.step.value,
        since=format_time(state.since) if state.since else None,
        round=state.round,
        started_at=format_time(state.started_at) if state.started_at else None,
        epoch=epoch,
        target=_show_target(state.target),
        stable=_show_target(state.stable),
        counts=_show_counts(plan.counts),
        decision=_show_decision(ring, plan, now),
        waiting_for=plan.waits[:512] or None,
        top_failures=tuple(_show_failures(plan)),
        proven=tuple(
            Proof(digest=each.digest, version=each.version, round=each.round, at=format_time(each.at))
            for each in state.proven
        ),
        history=tuple(_show_rollout(each) for each in state.history),
        handled_tokens=tuple(
            HandledToken.model_validate({"name": token.name, "value": token.value, "at": format_time(token.at)})
            for token in state.tokens
        ),
        conditions=merge_conditions(ring.status.conditions, _want_conditions(ring, plan, state), generation, now),
    )


def _show_target(target: facts.Target | None) -> Target | None:
    return Target(version=target.version, digest=target.digest) if target is not None else None


def _show_counts(counts: Tally) -> RingCounts:
    return RingCounts(
        total=counts.total,
        updated=counts.of(Standing.UPDATED),
        held=counts.of(Standing.HELD, Standing.EXCLUDED),
        commanded=counts.of(Standing.COMMANDED),
        in_progress=counts.of(Standing.IN_PROGRESS),
        failed=counts.of(Standing.FAILED, Standing.TIMED_OUT),
        rejected=counts.of(Standing.REJECTED),
        rolled_back=counts.of(Standing.ROLLED_BACK),
        deferred=counts.of(Standing.DEFERRED),
        offline=counts.of(Standing.OFFLINE),
    )


def _show_decision(ring: RolloutRing, plan: RingPlan, now: float) -> Decision | None:
    turn = plan.turn
    if turn.verb is None:
        return ring.status.decision
    return Decision(verb=turn.verb, reason=turn.reason, evidence=turn.evidence[:1024], at=format_time(now))


def _show_failures(plan: RingPlan) -> Iterator[Failure]:
    failed = [stand for stand in plan.stands if stand.standing in (*FAILURES, Standing.REJECTED)]
    for stand in failed[:_FAILURES_SHOWN]:
        message = stand.message[:_MESSAGE_MAX] or None
        yield Failure(device=stand.device.name, reason=stand.reason or stand.standing.value, message=message)


def _show_rollout(past: facts.PastRound) -> Rollout:
    return Rollout(
        round=past.round,
        version=past.version,
        outcome=past.outcome,
        started_at=format_time(past.started_at),
        finished_at=format_time(past.finished_at),
        updated=past.updated,
        failed=past.failed,
    )


def _want_conditions(ring: RolloutRing, plan: RingPlan, state: RingState) -> Iterator[Wanted]:
    says = f"waits for {plan.waits}" if plan.waits else "nothing is left to do"
    reason = plan.reason or ConditionReason.PROGRESSING
    if plan.reason == ConditionReason.NOT_SUPPORTED:
        yield Wanted(ConditionType.READY, False, reason, says)
        yield Wanted(ConditionType.STALLED, True, reason, says)
    elif state.step is Step.PROVED and state.target is not None:
        updated = plan.counts.of(Standing.UPDATED)
        message = f"{state.target.version} is proved; {updated} of {plan.counts.total} devices run it"
        yield Wanted(ConditionType.READY, True, ConditionReason.PROVED, message)
    elif state.step is Step.ABORTED:
        evidence = ring.status.decision.evidence if ring.status.decision else ""
        message = f"{plan.turn.evidence or evidence}; waits for {plan.waits}"
        yield Wanted(ConditionType.READY, False, ConditionReason.ABORTED, message)
        yield Wanted(ConditionType.STALLED, True, ConditionReason.ABORTED, message)
    elif state.step is Step.SUSPENDED:
        ready = find_condition(ring.status.conditions, ConditionType.READY)
        yield Wanted(ConditionType.READY, ready is not None and ready.status == "True", reason, says)
    else:
        yield Wanted(ConditionType.READY, False, reason, says)
        yield Wanted(ConditionType.RECONCILING, True, reason, says)
