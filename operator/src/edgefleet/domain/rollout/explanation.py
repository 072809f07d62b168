"""Why a ring does not move, as one sentence: what `kubectl get rollouts` shows under WAITING-FOR. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import RingFacts, Step
from edgefleet.domain.rollout.gates import Tally
from edgefleet.domain.rollout.rounds import Turn
from edgefleet.domain.rollout.selection import Selection
from edgefleet.domain.rollout.standing import FAILURES, IN_FLIGHT, Stand, Standing
from edgefleet.domain.rollout.targets import Choice

_NAMED: Final = 3
_HELD: Final = {
    "WindowClosed": "the window to open",
    "ConcurrencyReached": "a free slot",
    "BudgetSpent": "the budget of its group",
    "Suspended": "the ring to be resumed",
}


def name_devices(stands: Sequence[Stand]) -> str:
    """Returns "motor-01, motor-02, motor-03 and 4 more"."""
    names = sorted(stand.device.name for stand in stands)
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def count_devices(number: int) -> str:
    """Returns "1 device", "2 devices"."""
    return f"{number} device{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Situation:
    """A ring after a pass: everything that an explanation may draw on."""

    ring: RingFacts
    turn: Turn
    choice: Choice
    counts: Tally
    selection: Selection
    stands: Sequence[Stand]
    connected: bool


def explain_wait(situation: Situation) -> tuple[str, str]:
    """Returns (reason, sentence): empty both when the ring is proved and nothing is left to do."""
    ring, state = situation.ring, situation.turn.state
    if not situation.connected:
        return "BrokerUnreachable", "the broker to be reachable"
    if ring.unsupported:
        return "NotSupported", f"an operator that knows {', '.join(ring.unsupported)}"
    if state.target is None:
        return situation.choice.reason, situation.choice.waits
    return _EXPLANATIONS[state.step](situation)


def _explain_pending(situation: Situation) -> tuple[str, str]:
    target = situation.turn.state.target
    return "ApprovalMissing", f"the annotation edgefleet.io/approve for {target.version if target else ''}"


def _explain_suspended(_: Situation) -> tuple[str, str]:
    return "Suspended", "spec.suspend to become false"


def _explain_soak(situation: Situation) -> tuple[str, str]:
    return "Soaking", f"{situation.ring.soak:.0f} s of soaking to pass"


def _explain_return(situation: Situation) -> tuple[str, str]:
    moving = [stand for stand in situation.stands if stand.standing in (*IN_FLIGHT, Standing.HELD)]
    stable = situation.turn.state.stable
    where = stable.version if stable else "what they ran"
    return "Aborted", f"{count_devices(len(moving))} to go back to {where}: {name_devices(moving)}"


def _explain_abort(_: Situation) -> tuple[str, str]:
    return "Aborted", "a change of this ring, or the annotation edgefleet.io/retry"


def _explain_rest(situation: Situation) -> tuple[str, str]:
    """A proved ring waits for nothing; what it would take next, and who is late, is still worth a word."""
    if situation.choice.target is None and situation.choice.waits:
        return situation.choice.reason, situation.choice.waits
    late = [stand for stand in situation.stands if stand.standing is Standing.OFFLINE]
    return ("Offline", f"{count_devices(len(late))} to come online: {name_devices(late)}") if late else ("", "")


def _explain_rolling(situation: Situation) -> tuple[str, str]:
    turn, held = situation.turn, situation.selection.held
    target = turn.state.target.version if turn.state.target else ""
    chosen = {stand.device.name for stand in situation.selection.chosen}
    moving = [each for each in situation.stands if each.standing in IN_FLIGHT or each.device.name in chosen]
    if moving:
        return "Progressing", f"{count_devices(len(moving))} to confirm {target}: {name_devices(moving)}"
    if situation.choice.target is None and situation.choice.waits:
        return situation.choice.reason, situation.choice.waits
    if held:
        reason = Counter(held.values()).most_common(1)[0][0]
        return reason, f"{_HELD.get(reason, reason)}: {count_devices(len(held))} of {situation.counts.total}"
    return _explain_gate(situation)


def _explain_gate(situation: Situation) -> tuple[str, str]:
    turn, total = situation.turn, situation.counts.total
    if turn.reason == "RingEmpty":
        offline = situation.counts.of(Standing.OFFLINE)
        said = f"{count_devices(offline)} offline" if offline else f"the ring has {count_devices(total)}"
        return "RingEmpty", f"a device that can be judged: {said}"
    if not turn.evidence:
        return "Progressing", "its devices to be judged"
    failed = [stand for stand in situation.stands if stand.standing in FAILURES]
    said = f" ({name_devices(failed)} failed)" if failed else ""
    return turn.reason or "GateNotPassed", f"its gate: {turn.evidence}{said}"


_EXPLANATIONS: Final = {
    Step.PENDING: _explain_pending,
    Step.ROLLING: _explain_rolling,
    Step.SOAKING: _explain_soak,
    Step.PROVED: _explain_rest,
    Step.ABORTED: _explain_abort,
    Step.ROLLING_BACK: _explain_return,
    Step.SUSPENDED: _explain_suspended,
}
