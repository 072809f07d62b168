"""One ring's round: what it remembers, and how that changes from pass to pass. Pure; does not mutate its arguments.

Steps change through `transitions.move` alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from edgefleet.domain.rollout.facts import (
    Abort,
    HandledToken,
    Outcome,
    PastRound,
    Proof,
    RingFacts,
    RingState,
    Target,
    VersionFacts,
)
from edgefleet.domain.rollout.gates import Blame, Tally, Verdict, find_abort, judge_gate
from edgefleet.domain.rollout.standing import FAILURES, Standing
from edgefleet.domain.rollout.targets import Choice
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Cause, Step, move

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


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a round is judged by in one pass.

    Attributes:
        counts: the ring's devices.
        blame: what those that failed said.
        judge_metrics: says whether the figures are good enough; asked only where it matters.
        shadow: whether the candidate agrees with the version in force.
        first_command_at: of this round, None before it.
    """

    counts: Tally
    blame: Blame
    judge_metrics: Callable[[], Verdict]
    shadow: Verdict
    first_command_at: float | None


def begin_round(ring: RingFacts, asked: Choice, choice: Choice, held: VersionFacts | None, now: float) -> Turn:
    """Returns the ring's state with its target: a new round where the target changed or another try was asked for.

    Args:
        ring: the ring.
        asked: what Git asks for, the quarantine of the ring's own target left aside: Git has moved when this has.
        choice: what the ring may be given.
        held: the ring's present target as it is declared.
        now: POSIX seconds.
    """
    state = ring.state
    wanted, target = asked.target, state.target
    asks_anew = wanted is not None and (target is None or wanted.digest != target.digest)
    if asks_anew and choice.target is not None:
        return _start_round(state, choice.target, now)
    if wanted is None or target is None or asks_anew:
        return Turn(_forget_retry(ring, state, now))
    if state.step in STOPPED_STEPS:
        return _try_again(ring, state, choice, held, now)
    state = _forget_retry(ring, state, now)
    if held is not None and held.quarantine is not None:
        evidence = f"{held.version} is quarantined: {held.quarantine.ring} has the evidence"
        return _stop(ring, state, Abort(now, ring.generation, "Quarantined", evidence))
    if wanted.version != target.version:
        return Turn(replace(state, target=wanted))  # the same bytes under another name
    return Turn(state)


def _start_round(state: RingState, target: Target, now: float) -> Turn:
    verb: Verb = "RollBack" if state.target is not None and has_proved(state, target) else "Start"
    before = f"{state.target.version} -> " if state.target is not None else ""
    return Turn(_next_round(state, target, Cause.TARGET_CHANGED, now), verb, "TargetChanged", before + target.version)


def _try_again(ring: RingFacts, state: RingState, choice: Choice, held: VersionFacts | None, now: float) -> Turn:
    """Starts a stopped ring again where a person, Git or the end of a quarantine asks for it."""
    target, abort = state.target, state.abort
    if target is None or abort is None:
        return Turn(state)
    quarantine = held.quarantine if held is not None else None
    token = ring.tokens.get("retry")
    if (
        token is not None
        and not is_handled(state, "retry", token)
        and (quarantine is None or quarantine.ring == ring.name)
    ):
        retried = _handle_token(_next_round(state, target, Cause.RETRY_REQUESTED, now), "retry", token, now)
        return Turn(retried, "Start", "RetryRequested", f"retry {token}")
    if ring.generation != abort.generation and choice.target is not None:
        started = _next_round(state, choice.target, Cause.RING_CHANGED, now)
        return Turn(started, "Start", "RingChanged", "the ring was edited")
    lifted = held is not None and quarantine is None and (abort.reason == "Quarantined" or held.lifted_at > abort.at)
    if lifted:
        started = _next_round(state, target, Cause.QUARANTINE_LIFTED, now)
        return Turn(started, "Start", "QuarantineLifted", f"{target.version} left quarantine")
    return Turn(state)


def advance_round(ring: RingFacts, state: RingState, outlook: Outlook, now: float) -> Turn:
    """Returns the state after judging the devices; `state` has a target.

    The order matters: a proof is not taken back by failures, a suspended ring judges nothing, a stop outranks a gate.
    """
    if state.step is Step.ROLLING_BACK:
        return _follow_return(state, outlook.counts, now)
    if state.step in (Step.PROVED, Step.ABORTED):
        return Turn(_forget_approval(ring, state, now), reason="Aborted" if state.step is Step.ABORTED else "")
    if ring.suspend:
        verb: Verb | None = None if state.step is Step.SUSPENDED else "Suspend"
        suspended = state if verb is None else _enter(state, Cause.SUSPENDED, now)
        return Turn(suspended, verb, "Suspended", "spec.suspend is true")
    resumed = state.step is Step.SUSPENDED
    if resumed:
        state = _enter(state, Cause.RESUMED, now)
    if state.step is Step.PENDING:
        admitted = _admit(ring, state, outlook, now)
        if admitted.state.step is not Step.ROLLING:
            return admitted
        state = admitted.state
    turn = _judge(ring, state, outlook, now)
    if resumed and turn.verb is None:
        return replace(turn, verb="Resume", reason=turn.reason or "Progressing")
    return turn


def _admit(ring: RingFacts, state: RingState, outlook: Outlook, now: float) -> Turn:
    """Lets a round go, or go on, once it is approved and its shadow agrees; one approval lasts for the round.

    What the ring has proved before needs neither: going back is not held up.
    """
    returns = state.target is not None and has_proved(state, state.target)
    approved = any(token.name == "approve" and token.at >= state.started_at for token in state.tokens)
    if ring.needs_approval and not approved and not returns:
        token = ring.tokens.get("approve")
        if token is None or is_handled(state, "approve", token):
            return Turn(state, reason="ApprovalMissing", evidence="approval is required")
        state = _handle_token(state, "approve", token, now)
    if ring.shadow is not None and not returns and not outlook.shadow.passed:
        verdict = outlook.shadow
        if verdict.reason == "ShadowDisagrees":
            abort = Abort(
                now, ring.generation, verdict.reason, verdict.evidence, reasons=(verdict.reason,), blames=True
            )
            return _stop(ring, state, abort)
        return Turn(state, reason=verdict.reason, evidence=verdict.evidence)
    return Turn(replace(_enter(state, Cause.ADMITTED, now), rolling_since=now), reason="Progressing")


def _judge(ring: RingFacts, state: RingState, outlook: Outlook, now: float) -> Turn:
    """Judges a round that is rolling, soaking or at its last gate, as far as it goes."""
    counts = outlook.counts
    evidence = find_abort(ring, counts)
    if evidence:
        return _stop(ring, state, _hold_against(ring, outlook, "TooManyFailures", evidence, now))
    ends = _find_deadline(ring, state, outlook)
    soaking = state.step is not Step.ROLLING
    verdict = judge_gate(ring, counts, passed=soaking, overdue=ends is not None and now > ends)
    if not verdict.passed:
        if ends is not None and now > ends:
            late = f"not proved within {ring.ring_deadline:.0f} s: {verdict.evidence}"
            return _stop(ring, state, _hold_against(ring, outlook, "DeadlineExceeded", late, now))
        lost = state if state.step is Step.ROLLING else _enter(state, Cause.GATE_LOST, now)
        return Turn(lost, reason=verdict.reason, evidence=verdict.evidence, recheck_at=ends)
    return _pass_gate(ring, state, outlook, verdict, now)


def _pass_gate(ring: RingFacts, state: RingState, outlook: Outlook, verdict: Verdict, now: float) -> Turn:
    """Moves a round whose outcomes are good enough through its soak and its metrics."""
    ends = _find_deadline(ring, state, outlook)
    if state.step is Step.ROLLING:
        state = _enter(state, Cause.GATE_PASSED, now)
    if state.step is Step.SOAKING:
        soaked = state.since + ring.soak
        returns = state.target is not None and has_proved(state, state.target)
        if now < soaked and not returns:
            return Turn(state, reason="Soaking", evidence=verdict.evidence, recheck_at=soaked)
        state = _enter(state, Cause.SOAKED, now)
    metrics = outlook.judge_metrics()
    if metrics.passed:
        said = "; ".join(part for part in (verdict.evidence, metrics.evidence) if part)
        return Turn(_prove(state, outlook.counts, now), "Promote", "Proved", said)
    if ends is not None and now > ends:
        late = f"not proved within {ring.ring_deadline:.0f} s: {metrics.evidence}"
        abort = _hold_against(ring, outlook, "DeadlineExceeded", late, now)
        return _stop(ring, state, replace(abort, blames=metrics.reason == "GateNotPassed"))
    return Turn(state, reason=metrics.reason, evidence=metrics.evidence, recheck_at=ends)


def _hold_against(ring: RingFacts, outlook: Outlook, reason: str, evidence: str, now: float) -> Abort:
    """Returns an abort with what the failed devices said."""
    blame = outlook.blame
    return Abort(
        at=now,
        generation=ring.generation,
        reason=reason,
        evidence=evidence,
        failed=blame.failed,
        judged=outlook.counts.judged,
        reasons=blame.reasons,
        blames=blame.against_version,
    )


def _find_deadline(ring: RingFacts, state: RingState, outlook: Outlook) -> float | None:
    """Returns when the ring's deadline ends: it runs from the first command, and not while the round is suspended."""
    if ring.ring_deadline is None or outlook.first_command_at is None:
        return None
    return max(outlook.first_command_at, state.rolling_since) + ring.ring_deadline


def _prove(state: RingState, counts: Tally, now: float) -> RingState:
    target = state.target
    if target is None:  # a round without a target is never judged
        return state
    older = tuple(proof for proof in state.proven if proof.digest != target.digest)
    proof = Proof(target.digest, target.version, state.round, now)
    return replace(
        _enter(state, Cause.PROVED, now),
        stable=target,
        proven=(proof, *older)[:PROVEN_MAX],
        history=_remember(state, "Proved", counts, now),
    )


def _stop(ring: RingFacts, state: RingState, abort: Abort) -> Turn:
    """Ends the round: moved devices go back, or everybody stays."""
    cause = Cause.RECALLED if ring.on_abort == "rollback" else Cause.ABORTED
    stopped = replace(_enter(state, cause, abort.at), abort=abort)
    if cause is Cause.ABORTED:
        stopped = replace(stopped, history=_remember(state, "Aborted", None, abort.at, failed=abort.failed))
    return Turn(stopped, "Abort", abort.reason, abort.evidence)


def _follow_return(state: RingState, counts: Tally, now: float) -> Turn:
    """Ends an abort once every device that can go back has; the counts are against what each goes back to."""
    if counts.open:
        return Turn(state, reason="Aborted", evidence=f"{counts.open} of {counts.total} devices are still going back")
    returned = counts.of(Standing.UPDATED)
    failed = state.abort.failed if state.abort is not None else 0
    outcome: Outcome = "RolledBack" if returned else "Aborted"
    history = _remember(state, outcome, None, now, failed=failed)
    ended = replace(_enter(state, Cause.RETURNED, now), history=history)
    if not returned:
        return Turn(ended, reason="Aborted", evidence="no device had anything to go back to")
    return Turn(ended, "RollBack", "Aborted", f"{returned} of {counts.total} devices run what they ran before")


def has_proved(state: RingState, target: Target) -> bool:
    """Says whether the ring has proved the target before."""
    return any(proof.digest == target.digest for proof in state.proven)


def is_handled(state: RingState, name: str, value: str) -> bool:
    """Says whether a token was acted on."""
    return any(token.name == name and token.value == value for token in state.tokens)


def _handle_token(state: RingState, name: str, value: str, now: float) -> RingState:
    others = tuple(token for token in state.tokens if token.name != name)
    return replace(state, tokens=(*others, HandledToken(name, value, now)))


def _forget_retry(ring: RingFacts, state: RingState, now: float) -> RingState:
    """Uses up a retry token that comes while nothing has stopped: it must not start the next abort over."""
    token = ring.tokens.get("retry")
    if token is None or state.step in STOPPED_STEPS or is_handled(state, "retry", token):
        return state
    return _handle_token(state, "retry", token, now)


def _forget_approval(ring: RingFacts, state: RingState, now: float) -> RingState:
    """Uses up an approval that comes while nothing waits for one: it must not let the next version through."""
    token = ring.tokens.get("approve")
    if token is None or is_handled(state, "approve", token):
        return state
    return _handle_token(state, "approve", token, now)


def _next_round(state: RingState, target: Target, cause: Cause, now: float) -> RingState:
    step = Step.PENDING if state.target is None else move(state.step, cause)
    started = replace(
        state, step=step, since=now, started_at=now, rolling_since=0.0, round=state.round + 1, target=target, abort=None
    )
    recorded = bool(state.history) and state.history[0].round == state.round
    if state.target is None or recorded:
        return started
    return replace(started, history=_remember(state, "Superseded", None, now))


def _remember(
    state: RingState, outcome: Outcome, counts: Tally | None, now: float, *, failed: int = 0
) -> tuple[PastRound, ...]:
    if state.target is None:
        return state.history
    past = PastRound(
        round=state.round,
        version=state.target.version,
        outcome=outcome,
        started_at=state.started_at,
        finished_at=now,
        updated=counts.of(Standing.UPDATED) if counts else 0,
        failed=counts.among(FAILURES) if counts else failed,
    )
    earlier = tuple(each for each in state.history if each.round != state.round)
    return (past, *earlier)[:HISTORY_MAX]


def _enter(state: RingState, cause: Cause, now: float) -> RingState:
    return replace(state, step=move(state.step, cause), since=now)
