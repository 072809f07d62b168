"""A ring's part of a plan to RolloutRing.status. Mapping only."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Final

from edgefleet.api.meta import HandledToken
from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.rolloutring import (
    Abort,
    Decision,
    Failure,
    Plan,
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
from edgefleet.domain.rollout.facts import RingState
from edgefleet.domain.rollout.gates import Tally
from edgefleet.domain.rollout.planner import RingPlan
from edgefleet.domain.rollout.standing import FAILURES, Standing
from edgefleet.domain.rollout.transitions import Step

_NAMED: Final = FAILURES | {Standing.REJECTED, Standing.CONFLICT}
"""Whom `topFailures` names."""
_FAILURES_SHOWN: Final = 10
_MESSAGE_MAX: Final = 253
_EVIDENCE_MAX: Final = 1024
_WAITS_MAX: Final = 512


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
        rolling_since=format_time(state.rolling_since) if state.rolling_since else None,
        epoch=epoch,
        target=_show_target(state.target),
        stable=_show_target(state.stable),
        counts=_show_counts(plan.counts),
        plan=_show_plan(ring.status, plan),
        decision=_show_decision(ring, plan, now),
        aborted=_show_abort(state.abort),
        waiting_for=plan.waits[:_WAITS_MAX] or None,
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
        held=counts.of(Standing.HELD),
        commanded=counts.of(Standing.COMMANDED),
        in_progress=counts.of(Standing.IN_PROGRESS),
        failed=counts.of(Standing.FAILED, Standing.TIMED_OUT),
        rejected=counts.of(Standing.REJECTED),
        rolled_back=counts.of(Standing.ROLLED_BACK),
        deferred=counts.of(Standing.DEFERRED),
        offline=counts.of(Standing.OFFLINE),
        excluded=counts.of(Standing.EXCLUDED),
        conflict=counts.of(Standing.CONFLICT),
    )


def _show_plan(before: RolloutRingStatus, plan: RingPlan) -> Plan | None:
    """What the round had to do when it began; it is not counted again while it goes on."""
    state = plan.turn.state
    if state.target is None or before.round == state.round:
        return before.plan
    return Plan(members=plan.members, bytes_on_air=plan.bytes_on_air)


def _show_abort(abort: facts.Abort | None) -> Abort | None:
    if abort is None:
        return None
    return Abort(
        at=format_time(abort.at),
        generation=abort.generation,
        reason=abort.reason,
        evidence=abort.evidence[:_EVIDENCE_MAX],
        failed=abort.failed,
        judged=abort.judged,
        reasons=abort.reasons,
        blames=abort.blames,
    )


def _show_decision(ring: RolloutRing, plan: RingPlan, now: float) -> Decision | None:
    turn = plan.turn
    if turn.verb is None:
        return ring.status.decision
    return Decision(verb=turn.verb, reason=turn.reason, evidence=turn.evidence[:_EVIDENCE_MAX], at=format_time(now))


def _show_failures(plan: RingPlan) -> Iterator[Failure]:
    pairs = zip(plan.devices, plan.stands, strict=True)
    failed = [(device.name, stand) for device, stand in pairs if stand.standing in _NAMED]
    for name, stand in sorted(failed, key=itemgetter(0))[:_FAILURES_SHOWN]:
        message = stand.message[:_MESSAGE_MAX] or None
        yield Failure(device=name, reason=stand.reason or stand.standing.value, message=message)


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
    if state.step is Step.ABORTED:
        evidence = state.abort.evidence if state.abort is not None else plan.turn.evidence
        message = f"{evidence}; {says}"
        yield Wanted(ConditionType.READY, False, ConditionReason.ABORTED, message)
        yield Wanted(ConditionType.STALLED, True, ConditionReason.ABORTED, message)
    elif plan.disputed:
        yield Wanted(ConditionType.READY, False, ConditionReason.RINGS_OVERLAP, says)
        yield Wanted(ConditionType.STALLED, True, ConditionReason.RINGS_OVERLAP, says)
    elif state.step is Step.PROVED and state.target is not None:
        updated = plan.counts.of(Standing.UPDATED)
        message = f"{state.target.version} is proved; {updated} of {plan.counts.total} devices run it"
        yield Wanted(ConditionType.READY, True, ConditionReason.PROVED, message)
    elif state.step is Step.SUSPENDED:
        ready = find_condition(ring.status.conditions, ConditionType.READY)
        yield Wanted(ConditionType.READY, ready is not None and ready.status == "True", reason, says)
    else:
        yield Wanted(ConditionType.READY, False, reason, says)
        yield Wanted(ConditionType.RECONCILING, True, reason, says)
