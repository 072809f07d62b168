"""Why a ring or a device does not move, as one sentence: status, events and `explain` say the same. Pure."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts
from edgefleet.domain.rollout.gates import Tally
from edgefleet.domain.rollout.rounds import Turn
from edgefleet.domain.rollout.standing import FAILURES, IN_FLIGHT, Stand, Standing
from edgefleet.domain.rollout.targets import Choice
from edgefleet.domain.rollout.transitions import Step

_NAMED: Final = 3
HELD_FOR: Final = {
    "WindowClosed": "the window to open",
    "ConcurrencyReached": "a free slot",
    "BudgetSpent": "the budget of its group",
    "RateReached": "its turn: the rate is used up",
    "Suspended": "the ring to be resumed",
    "Aborted": "the ring, which has stopped",
    "ApprovalMissing": "an approval",
    "VersionNotVerified": "its version to be verified",
    "NoTarget": "a version",
    "Quarantined": "its version to leave quarantine",
}
"""What a held device waits for, by reason."""


def name_devices(names: Collection[str]) -> str:
    """Returns "motor-01, motor-02, motor-03 and 4 more"."""
    listed = sorted(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")


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
    devices: Sequence[DeviceFacts]
    stands: Sequence[Stand]
    held: Sequence[str]
    """A reason for each device that is held."""
    disputed: Sequence[str]
    connected: bool

    def among(self, standings: Collection[Standing]) -> list[str]:
        """Returns the names of the devices that stand in any of these."""
        pairs = zip(self.devices, self.stands, strict=True)
        return [device.name for device, stand in pairs if stand.standing in standings]


def explain_wait(situation: Situation) -> tuple[str, str]:
    """Returns (reason, sentence): empty both when the ring is proved and nothing is left to do."""
    if not situation.connected:
        return "BrokerUnreachable", "the broker to be reachable"
    if situation.disputed:
        return "RingsOverlap", f"its selector to leave the devices of {', '.join(situation.disputed)} alone"
    if situation.turn.state.target is None:
        return situation.choice.reason, situation.choice.waits
    return _EXPLANATIONS[situation.turn.state.step](situation)


def _explain_pending(situation: Situation) -> tuple[str, str]:
    turn, target = situation.turn, situation.turn.state.target
    if turn.reason == "ApprovalMissing":
        return "ApprovalMissing", f"the annotation edgefleet.io/approve for {target.version if target else ''}"
    if turn.reason == "ShadowUnreachable":
        return "ShadowUnreachable", f"the shadow of {target.version if target else ''}: {turn.evidence}"
    if turn.reason:
        return turn.reason, f"the shadow: {turn.evidence}"
    return "Progressing", "its devices to be judged"


def _explain_suspended(_: Situation) -> tuple[str, str]:
    return "Suspended", "spec.suspend to become false"


def _explain_soak(situation: Situation) -> tuple[str, str]:
    return "Soaking", f"{situation.ring.soak:.0f} s of soaking to pass"


def _explain_return(situation: Situation) -> tuple[str, str]:
    moving = situation.among((*IN_FLIGHT, Standing.HELD))
    return "Aborted", f"{count_devices(len(moving))} to go back to what they ran: {name_devices(moving)}"


def _explain_abort(situation: Situation) -> tuple[str, str]:
    abort = situation.turn.state.abort
    wanted = "a change of this ring, or the annotation edgefleet.io/retry"
    if situation.choice.reason == "Quarantined":
        wanted = situation.choice.waits
        if abort is not None and abort.blames:
            wanted = f"another version, or the annotation edgefleet.io/retry: {abort.evidence}"
    elif abort is not None:
        wanted = f"{wanted}: {abort.evidence}"
    return "Aborted", wanted


def _explain_rest(situation: Situation) -> tuple[str, str]:
    """A proved ring waits for nothing; what it would take next, and who is late, is still worth a word."""
    if situation.choice.target is None and situation.choice.waits:
        return situation.choice.reason, situation.choice.waits
    moving = situation.among(IN_FLIGHT)
    if moving:
        return "Progressing", f"{_name_late(len(moving))} to follow: {name_devices(moving)}"
    if situation.held:
        return _explain_held(situation)
    late = situation.among((Standing.OFFLINE,))
    return ("Offline", f"{count_devices(len(late))} to come online: {name_devices(late)}") if late else ("", "")


def _name_late(number: int) -> str:
    return f"{number} late device{'' if number == 1 else 's'}"


def _explain_held(situation: Situation) -> tuple[str, str]:
    reasons = Counter(situation.held)
    reason = min(reasons, key=lambda each: (-reasons[each], each))
    waits = f"{HELD_FOR.get(reason, reason)}: {count_devices(len(situation.held))} of {situation.counts.total}"
    if reason == "BudgetSpent" and situation.ring.budget_counts_offline:
        away = [device.name for device in situation.devices if not device.online]
        waits += f" ({name_devices(away)} offline use it up as well)" if away else ""
    return reason, waits


def _explain_rolling(situation: Situation) -> tuple[str, str]:
    turn = situation.turn
    target = turn.state.target.version if turn.state.target else ""
    moving = situation.among(IN_FLIGHT)
    if moving:
        return "Progressing", f"{count_devices(len(moving))} to confirm {target}: {name_devices(moving)}"
    if situation.choice.target is None and situation.choice.waits:
        return situation.choice.reason, situation.choice.waits
    return _explain_held(situation) if situation.held else _explain_gate(situation)


def _explain_gate(situation: Situation) -> tuple[str, str]:
    turn, counts = situation.turn, situation.counts
    if turn.reason == "RingEmpty":
        offline, total = counts.of(Standing.OFFLINE), counts.total
        said = f"{count_devices(offline)} offline" if offline else f"the ring has {count_devices(total)}"
        if not offline and counts.of(Standing.REJECTED):
            said = f"{count_devices(counts.of(Standing.REJECTED))} cannot take it"
        return "RingEmpty", f"a device that can be judged: {said}"
    if not turn.evidence:
        return "Progressing", "its devices to be judged"
    failed = situation.among(FAILURES)
    said = f" ({name_devices(failed)} failed)" if failed else ""
    return turn.reason or "GateNotPassed", f"its gate: {turn.evidence}{said}"


_EXPLANATIONS: Final = {
    Step.PENDING: _explain_pending,
    Step.ROLLING: _explain_rolling,
    Step.SOAKING: _explain_soak,
    Step.GATING: _explain_gate,
    Step.PROVED: _explain_rest,
    Step.ABORTED: _explain_abort,
    Step.ROLLING_BACK: _explain_return,
    Step.SUSPENDED: _explain_suspended,
}


def explain_ring(name: str, turn: Turn, reason: str, waits: str) -> str:
    """Returns where a ring is and what it waits for, as one sentence."""
    state = turn.state
    if state.target is None:
        return f"Ring {name} has no version yet and waits for {waits}."
    said = f"Ring {name} is {_STEPS[state.step]} {state.target.version} (round {state.round})"
    return f"{said} and waits for {waits}." if waits and reason else f"{said}; nothing is left to do."


_STEPS: Final = {
    Step.PENDING: "about to roll out",
    Step.ROLLING: "rolling out",
    Step.SOAKING: "soaking",
    Step.GATING: "at the last gate for",
    Step.PROVED: "done: it has proved",
    Step.ABORTED: "stopped: it aborted",
    Step.ROLLING_BACK: "going back from",
    Step.SUSPENDED: "suspended on the way to",
}

_STANDS: Final = {
    Standing.UPDATED: "runs {version}, as it should",
    Standing.HELD: "waits for {held}",
    Standing.COMMANDED: "was told to run {version} and has not answered yet",
    Standing.IN_PROGRESS: "is updating to {version}",
    Standing.FAILED: "failed to take {version}",
    Standing.TIMED_OUT: "did not take {version} in time",
    Standing.REJECTED: "cannot take {version}",
    Standing.ROLLED_BACK: "tried {version} and went back by itself",
    Standing.DEFERRED: "asked for {version} later",
    Standing.OFFLINE: "is offline and gets {version} when it comes back",
    Standing.EXCLUDED: "is left alone",
    Standing.CONFLICT: "is paused",
    Standing.UNASSIGNED: "is in no ring",
}


def explain_device(name: str, stand: Stand, turn: Turn | None) -> str:
    """Returns where a device stands and why, as one sentence.

    Args:
        name: the device's.
        stand: where it stands.
        turn: its ring's, None for a device that no ring owns.
    """
    state = turn.state if turn is not None else None
    version = state.target.version if state is not None and state.target is not None else "a version"
    held = HELD_FOR.get(stand.reason, stand.reason or "its turn")
    said = _STANDS[stand.standing].format(version=version, held=held)
    if stand.standing is Standing.OFFLINE and state is not None and state.step in (Step.ABORTED, Step.ROLLING_BACK):
        said = "is offline"
    where = f", in ring {stand.ring}" if stand.ring else ""
    shown = stand.message or (stand.reason if stand.standing in FAILURES else "")
    why = f": {shown}" if shown and shown not in said else ""
    return f"{name} {said}{where}{why}."
