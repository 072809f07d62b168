"""Why a ring or a device is where it is: the planner's own sentence, and the figures that it stands on. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from edgefleet.controllers.times import format_time
from edgefleet.domain.rollout.bucket import refill
from edgefleet.domain.rollout.effects import RecallCommand, SendCommand
from edgefleet.domain.rollout.explanation import explain_device, explain_ring
from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts
from edgefleet.domain.rollout.gates import judge_gate
from edgefleet.domain.rollout.membership import count_share
from edgefleet.domain.rollout.planner import Plan, RingPlan, plan
from edgefleet.domain.rollout.standing import STANDINGS, Standing
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Step
from edgefleet.domain.rollout.windows import Window
from edgefleet.forecasting.forecast import Gate
from edgefleet.forecasting.loading import Loaded
from edgefleet.forecasting.wording import clean, format_duration, format_instant, name_some

Kind = Literal["device", "ring"]
_SHOWN: Final = 12
_WEEK: Final = 7 * 86_400.0


class UnknownError(LookupError):
    """There is no such ring or device; names those that there are."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer.

    Attributes:
        sentence: where it is and why, in the planner's words.
        evidence: (what, figure), in the order in which one would ask.
    """

    sentence: str
    evidence: tuple[tuple[str, str], ...]


def explain(loaded: Loaded, kind: Kind, name: str, gate: Gate | None, now: float) -> Explanation:
    """Returns why a ring or a device is where it is.

    Args:
        loaded: its namespace.
        kind: what it is.
        name: its name.
        gate: of the ring, as sentences.
        now: POSIX seconds.

    Raises:
        UnknownError: there is no such thing.
    """
    decided = plan(loaded.facts, now)
    if kind == "ring":
        ring = next((each for each in loaded.facts.rings if each.name == name), None)
        if ring is None:
            raise UnknownError(_say_unknown("ring", name, [each.name for each in loaded.facts.rings]))
        shown = decided.rings[name]
        sentence = explain_ring(name, shown.turn, shown.reason, shown.waits)
        rows = (*_show_ring(loaded, ring, shown, gate, now), *_show_effects(decided, kind, name))
        return Explanation(clean(sentence), rows)
    device = next((each for each in loaded.facts.devices if each.name == name), None)
    if device is None:
        raise UnknownError(_say_unknown("device", name, [each.name for each in loaded.facts.devices]))
    stand = decided.devices[name]
    turn = decided.rings[stand.ring].turn if stand.ring is not None else None
    sentence = explain_device(name, stand, turn)
    rows = (*_show_device(loaded, device, decided, now), *_show_effects(decided, kind, name))
    return Explanation(clean(sentence), rows)


def _say_unknown(kind: str, name: str, known: list[str]) -> str:
    return f"there is no {kind} {name}; there are {name_some(sorted(known), _SHOWN) or 'none'}"


def _show_ring(
    loaded: Loaded, ring: RingFacts, shown: RingPlan, gate: Gate | None, now: float
) -> Iterator[tuple[str, str]]:
    state = shown.turn.state
    if state.target is not None:
        yield "step", f"{state.step.value} since {format_instant(state.since)}, round {state.round}"
        stable = state.stable.version if state.stable is not None else "nothing"
        yield "versions", f"target {state.target.version}, last proved {stable}"
    said = ", ".join(f"{count:,} {standing.value}" for standing, count in _order(shown))
    yield "devices", f"{shown.counts.total:,}: {said or 'none'}"
    if state.target is not None and state.step not in STOPPED_STEPS:
        verdict = judge_gate(ring, shown.counts)
        yield "gate", f"{'passed' if verdict.passed else 'not passed'}: {verdict.evidence}"
    for figure in gate.figures if gate is not None else ():
        yield "figure", figure
    for rule in gate.stops if gate is not None else ():
        yield "stops on", rule
    yield from _show_bounds(loaded, ring, shown, now)
    yield from _show_clocks(ring, shown, now)
    yield from _show_tokens(ring)
    if state.abort is not None:
        yield "abort", f"{state.abort.reason} at {format_instant(state.abort.at)}: {clean(state.abort.evidence)}"
    if shown.disputed:
        yield "overlaps", ", ".join(shown.disputed)
    for past in state.history:
        span = format_duration(past.finished_at - past.started_at)
        yield (
            f"round {past.round}",
            f"{past.version} {past.outcome} after {span}: {past.updated} updated, {past.failed} failed",
        )
    if ring.name in loaded.decisions:
        yield "decision", clean(loaded.decisions[ring.name])


def _order(shown: RingPlan) -> list[tuple[Standing, int]]:
    counts = shown.counts.by_standing
    return [(standing, counts[standing]) for standing in Standing if counts.get(standing)]


def _show_bounds(loaded: Loaded, ring: RingFacts, shown: RingPlan, now: float) -> Iterator[tuple[str, str]]:
    total = len(shown.devices)
    busy = sum(stand.holds_slot for stand in shown.stands)
    if ring.max_concurrency is not None:
        yield "slots", f"{busy} of {count_share(ring.max_concurrency, total)} taken"
    if ring.budget is not None:
        sizes: Counter[str] = Counter()
        used: Counter[str] = Counter()
        for device, stand in zip(shown.devices, shown.stands, strict=True):
            group = device.labels.get(ring.budget_label, "(no label)") if ring.budget_label else "the ring"
            sizes[group] += 1
            used[group] += stand.holds_slot or (ring.budget_counts_offline and not device.online)
        groups = [f"{name} {used[name]} of {count_share(ring.budget, size)}" for name, size in sorted(sizes.items())]
        yield "budget", name_some(groups, _SHOWN)
    if ring.rate_per_minute is not None:
        bucket = refill(loaded.facts.buckets.get(ring.name), ring.rate_per_minute, now)
        yield "rate", f"{ring.rate_per_minute} a minute, {bucket.tokens:.0f} at once"
    if ring.window is not None:
        yield "window", _say_window(ring.window, now)


def _say_window(window: Window, now: float) -> str:
    is_open = window.is_open(now)
    change = window.next_change(now)
    # A period that follows another at once is no change.
    while change is not None and change < now + _WEEK and window.is_open(change) == is_open:
        change = window.next_change(change)
    until = f" until {format_instant(change)}" if change is not None and change < now + _WEEK else ""
    return f"{'open' if is_open else 'closed'}{until} ({window.time_zone})"


def _show_clocks(ring: RingFacts, shown: RingPlan, now: float) -> Iterator[tuple[str, str]]:
    state = shown.turn.state
    ack, progress = format_duration(ring.ack_deadline), format_duration(ring.progress_deadline)
    yield "clocks", f"{ack} to acknowledge, {progress} between signs of progress"
    if ring.soak:
        ends = state.since + ring.soak
        left = f", {format_duration(max(0.0, ends - now))} left" if state.step is Step.SOAKING else ""
        yield "soak", f"{format_duration(ring.soak)}{left}"
    if ring.ring_deadline is not None:
        yield "deadline", f"{format_duration(ring.ring_deadline)} from the first command to proved"


def _show_tokens(ring: RingFacts) -> Iterator[tuple[str, str]]:
    handled = {token.name: token for token in ring.state.tokens}
    for name in sorted(ring.tokens.keys() | handled.keys()):
        wanted, done = ring.tokens.get(name), handled.get(name)
        if done is not None and wanted in (None, done.value):
            yield f"token {name}", f"{clean(done.value)}, handled at {format_instant(done.at)}"
        elif wanted is not None:
            yield f"token {name}", f"{clean(wanted)}, not handled yet"
    if ring.needs_approval:
        yield "approval", "required for each round"


def _show_device(loaded: Loaded, device: DeviceFacts, decided: Plan, now: float) -> Iterator[tuple[str, str]]:
    stand = decided.devices[device.name]
    yield "standing", f"{stand.standing.value}: {STANDINGS[stand.standing].when}"
    if stand.ring is not None:
        yield "ring", explain_ring(stand.ring, decided.rings[stand.ring].turn, *_waits(decided, stand.ring))
    yield "class", f"{device.device_class}{'' if device.class_known else ', which is not declared'}"
    since = f" since {format_instant(device.presence_since)}" if device.presence_since else ""
    yield "presence", f"{'online' if device.online else 'offline'}{since}"
    yield from _show_words(loaded, device)
    if device.abilities is not None:
        can = device.abilities
        yield "can hold", f"a file of {can.slot_bytes:,} bytes, an arena of {can.arena_bytes:,}"
    if stand.artifact is not None:
        needs = stand.artifact.needs
        yield "is to hold", f"a file of {needs.size_bytes:,} bytes, an arena of {needs.arena_bytes:,}"
    if device.pin is not None:
        until = f" until {format_time(device.pin.until)}" if device.pin.until is not None else ""
        yield "pin", f"{device.pin.version}{until}"
    if not device.updates_enabled:
        yield "updates", "disabled in its manifest"
    if device.window is not None:
        yield "window", _say_window(device.window, now)
    for name, value in sorted(device.tokens.items()):
        yield f"token {name}", f"{clean(value)}, not handled yet"
    yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(device.labels.items())) or "none"


def _waits(decided: Plan, ring: str) -> tuple[str, str]:
    shown = decided.rings[ring]
    return shown.reason, shown.waits


def _show_words(loaded: Loaded, device: DeviceFacts) -> Iterator[tuple[str, str]]:
    """Yields what was said to the device and by it."""
    command, report = device.command, device.report
    if command is not None:
        where = f" by {command.ring}" if command.ring else " by its pin"
        said = f"to run {command.version}{where} at {format_instant(command.at)}, generation {command.generation}"
        yield "told", f"{said}{f', try {command.attempt}' if command.attempt > 1 else ''}"
    if report is not None:
        runs = loaded.names.get(report.digest, report.digest[:12]) if report.digest is not None else "nothing"
        reason = f", {clean(report.reason)}" if report.reason else ""
        yield "runs", f"{runs}; of its last command it says {report.progress.value}{reason}"
    if device.last_good is not None:
        yield "returns to", loaded.names.get(device.last_good, device.last_good[:12])


def _show_effects(decided: Plan, kind: Kind, name: str) -> Iterator[tuple[str, str]]:
    """Yields what the operator would do at this very moment: the sentence speaks of what comes after it."""
    told: dict[str, list[str]] = {}
    for effect in decided.effects:
        if not isinstance(effect, SendCommand | RecallCommand):
            continue
        if (effect.device if kind == "device" else effect.ring) != name:
            continue
        done = f"told to run {effect.version}" if isinstance(effect, SendCommand) else "relieved of its open command"
        told.setdefault(done, []).append(effect.device)
    for done, devices in told.items():
        yield "right now", f"{name_some(sorted(devices), _SHOWN)}: is {done}"
