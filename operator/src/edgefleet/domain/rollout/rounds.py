"""One ring's round: what it remembers, and how that changes from pass to pass. Pure; does not mutate its arguments."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from edgefleet.domain.rollout.facts import HandledToken, Outcome, PastRound, Proof, RingFacts, RingState, Step, Target
from edgefleet.domain.rollout.gates import Tally, Verdict, find_abort, judge_gate
from edgefleet.domain.rollout.standing import FAILURES, Standing

HISTORY_MAX: Final = 5
PROVEN_MAX: Final = 10

Verb = Literal["Start", "Hold", "Promote", "Abort", "RollBack", "Suspend", "Resume"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A ring's state after a pass, and why.

    Attributes:
        state: to remember.
        verb: what was decided, in the words of the API's Decision; None when nothing was.
        reason: one word: what the ring waits for, or why it stopped.
        evidence: the figures, for a person.
        recheck_at: when time alone changes the answer.
    """

    state: RingState
    verb: Verb | None = None
    reason: str = ""
    evidence: str = ""
    recheck_at: float | None = None


def begin_round(ring: RingFacts, target: Target | None, now: float) -> Turn:
    """Returns the ring's state with its target: a new round where the target changed or another try was asked for."""
    state = ring.state
    if target is not None and (state.target is None or target.digest != state.target.digest):
        verb: Verb = "RollBack" if state.target is not None and _has_proved(state, target) else "Start"
        before = f"{state.target.version} -> " if state.target is not None else ""
        return Turn(_next_round(state, target, now), verb, "TargetChanged", before + target.version)
    if target is not None and state.target is not None and target.version != state.target.version:
        return Turn(replace(state, target=target))  # the same bytes under another name
    if state.target is not None and state.step in (Step.ABORTED, Step.ROLLING_BACK):
        return _try_again(ring, state, state.target, now)
    return Turn(state)


def _try_again(ring: RingFacts, state: RingState, target: Target, now: float) -> Turn:
    token = ring.tokens.get("retry")
    if token is not None and not _is_handled(state, "retry", token):
        retried = _handle_token(_next_round(state, target, now), "retry", token, now)
        return Turn(retried, "Start", "RetryRequested", f"retry {token}")
    if ring.generation != state.aborted_generation:
        return Turn(_next_round(state, target, now), "Start", "RingChanged", "the ring was edited")
    return Turn(state)


def advance_round(ring: RingFacts, state: RingState, counts: Tally, now: float) -> Turn:
    """Returns the state after judging the devices; `state` has a target.

    The order matters: a proof is not taken back, a suspended ring judges nothing, a stop outranks a gate.
    """
    if state.step in (Step.ABORTED, Step.ROLLING_BACK):
        return _follow_return(state, counts, now)
    if state.step is Step.PROVED:
        return Turn(state)
    if ring.suspend:
        verb: Verb | None = None if state.step is Step.SUSPENDED else "Suspend"
        return Turn(_enter(state, Step.SUSPENDED, now), verb, "Suspended", "spec.suspend is true")
    if state.step in (Step.PENDING, Step.SUSPENDED):
        return _start(ring, state, now)
    evidence = find_abort(ring, counts)
    if evidence:
        return _abort(ring, state, evidence, now)
    return _pass_gate(ring, state, counts, judge_gate(ring, counts), now)


def _start(ring: RingFacts, state: RingState, now: float) -> Turn:
    """Lets a round begin, or go on after a suspension, once it is approved; one approval lasts for the round."""
    token = ring.tokens.get("approve")
    approved = any(each.name == "approve" and each.at >= state.started_at for each in state.tokens)
    if ring.needs_approval and not approved:
        if token is None or _is_handled(state, "approve", token):
            return Turn(_enter(state, Step.PENDING, now), reason="ApprovalMissing", evidence="approval is required")
        state = _handle_token(state, "approve", token, now)
    verb: Verb | None = "Resume" if state.step is Step.SUSPENDED else None
    return Turn(_enter(state, Step.ROLLING, now), verb, "Progressing", recheck_at=now)


def _pass_gate(ring: RingFacts, state: RingState, counts: Tally, verdict: Verdict, now: float) -> Turn:
    if not verdict.passed:
        ends = state.started_at + ring.ring_deadline if ring.ring_deadline is not None else None
        if ends is not None and now > ends:
            return _abort(ring, state, f"not proved within {ring.ring_deadline:.0f} s: {verdict.evidence}", now)
        rolling = _enter(state, Step.ROLLING, now)
        return Turn(rolling, reason=verdict.reason, evidence=verdict.evidence, recheck_at=ends)
    soaked = (state.since if state.step is Step.SOAKING else now) + ring.soak
    returns = state.target is not None and _has_proved(state, state.target)
    if now < soaked and not returns:
        return Turn(_enter(state, Step.SOAKING, now), reason="Soaking", evidence=verdict.evidence, recheck_at=soaked)
    return Turn(_prove(state, counts, now), "Promote", "Proved", verdict.evidence)


def _prove(state: RingState, counts: Tally, now: float) -> RingState:
    target = state.target
    if target is None:  # a round without a target is never judged
        return state
    older = tuple(proof for proof in state.proven if proof.digest != target.digest)
    proof = Proof(target.digest, target.version, state.round, now)
    return replace(
        _enter(state, Step.PROVED, now),
        stable=target,
        proven=(proof, *older)[:PROVEN_MAX],
        history=_remember(state, "Proved", counts, now),
    )


def _abort(ring: RingFacts, state: RingState, evidence: str, now: float) -> Turn:
    returns = ring.on_abort == "rollback" and state.stable is not None and state.stable != state.target
    stopped = _enter(state, Step.ROLLING_BACK if returns else Step.ABORTED, now)
    return Turn(replace(stopped, aborted_generation=ring.generation), "Abort", "Aborted", evidence)


def _follow_return(state: RingState, counts: Tally, now: float) -> Turn:
    """Ends an abort once every device that can go back has; the counts are against the stable version here."""
    if state.step is Step.ABORTED:
        return Turn(state, reason="Aborted")
    if counts.open:
        return Turn(state, reason="Aborted", evidence=f"{counts.open} of {counts.total} devices are still going back")
    ended = replace(_enter(state, Step.ABORTED, now), history=_remember(state, "RolledBack", counts, now))
    evidence = f"{counts.of(Standing.UPDATED)} of {counts.total} devices run the version before"
    return Turn(ended, "RollBack", "Aborted", evidence)


def _has_proved(state: RingState, target: Target) -> bool:
    return any(proof.digest == target.digest for proof in state.proven)


def _is_handled(state: RingState, name: str, value: str) -> bool:
    return any(token.name == name and token.value == value for token in state.tokens)


def _handle_token(state: RingState, name: str, value: str, now: float) -> RingState:
    others = tuple(token for token in state.tokens if token.name != name)
    return replace(state, tokens=(*others, HandledToken(name, value, now)))


def _next_round(state: RingState, target: Target, now: float) -> RingState:
    started = replace(state, step=Step.PENDING, since=now, started_at=now, round=state.round + 1, target=target)
    recorded = bool(state.history) and state.history[0].round == state.round
    if state.target is None or recorded:
        return started
    outcome: Outcome = "Aborted" if state.step is Step.ABORTED else "Superseded"
    return replace(started, history=_remember(state, outcome, None, now))


def _remember(state: RingState, outcome: Outcome, counts: Tally | None, now: float) -> tuple[PastRound, ...]:
    if state.target is None:
        return state.history
    past = PastRound(
        round=state.round,
        version=state.target.version,
        outcome=outcome,
        started_at=state.started_at,
        finished_at=now,
        updated=counts.of(Standing.UPDATED) if counts else 0,
        failed=counts.of(*FAILURES) if counts else 0,
    )
    return (past, *state.history)[:HISTORY_MAX]


def _enter(state: RingState, step: Step, now: float) -> RingState:
    return state if state.step is step else replace(state, step=step, since=now)
