"""From facts to a forecast: the planner is rehearsed, and what happened is gathered by ring and wave. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgefleet.domain.rollout.explanation import HELD_FOR
from edgefleet.domain.rollout.facts import AbortRule, DeviceFacts, FleetFacts, MetricGate, RingFacts, Share
from edgefleet.domain.rollout.membership import order_rings
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.domain.rollout.standing import Stand, Standing
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Step
from edgefleet.forecasting.coarsening import coarsen
from edgefleet.forecasting.forecast import (
    Blast,
    Block,
    Forecast,
    Gate,
    Left,
    Move,
    NamespaceForecast,
    Recall,
    RingForecast,
    Wave,
)
from edgefleet.forecasting.loading import Assumption, Loaded, Loading
from edgefleet.forecasting.pace import Pace
from edgefleet.forecasting.rehearsal import Entered, Record, Sent, Span, rehearse
from edgefleet.forecasting.wording import format_duration

BLAST_PASSES_MAX: Final = 200
_BOUNDS: Final = frozenset({"WindowClosed", "ConcurrencyReached", "BudgetSpent", "RateReached"})
_SAID_ELSEWHERE: Final = frozenset({"Progressing", "Soaking", "Offline"})
"""What a ring waits for at the end and its waves, its gate and the devices that are left out say already."""
_DIGEST_SHOWN: Final = 12
_TOLERANCE: Final = 0.001
"""POSIX seconds as floats are this exact, and then some."""


def foresee(loading: Loading, now: float, pace: Pace) -> Forecast:
    """Returns what would happen from `now` on.

    Args:
        loading: the fleet; see `loading.load_fleet`.
        now: POSIX seconds.
        pace: how fast devices are.
    """
    namespaces = tuple(_Namespace(name, loaded, now, pace).foresee() for name, loaded in loading.namespaces.items())
    return Forecast(now, loading.against, pace, namespaces, loading.warnings)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The planner's answer to things as they are, at the end, and what lay between."""

    first: Plan
    last: Plan
    record: Record


@dataclass(slots=True)
class _Namespace:
    name: str
    loaded: Loaded
    now: float
    pace: Pace

    def foresee(self) -> NamespaceForecast:
        facts = self.loaded.facts
        first = plan(facts, self.now)
        coarse = coarsen(facts, first, self.pace)
        record = rehearse(coarse.facts, self.now, self.pace, factors=coarse.factors)
        outcome = _Outcome(first, record.last or first, record)
        moves = self._gather(record, coarse.factors)
        rings = tuple(
            self._show_ring(ring, outcome, moves.get(ring.name, ()), coarse.factors.get(ring.name))
            for ring in order_rings(facts.rings)
        )
        return NamespaceForecast(
            name=self.name,
            objects=self.loaded.objects,
            rings=rings,
            pinned=tuple(move for wave in moves.get(None, ()) for move in wave.moves),
            recalls=tuple(Recall(each.device, each.ring) for each in record.recalled),
            strays=_find_strays(outcome.last),
            blasts=tuple(self._find_blasts(record)),
            assumptions=(*self.loaded.assumptions, *_assume(rings)),
            settled=record.settled,
        )

    def _gather(self, record: Record, factors: Mapping[str, float]) -> dict[str | None, tuple[Wave, ...]]:
        """Returns the waves by ring: a wave ends with the first of its devices, then the next begins."""
        by_ring: defaultdict[str | None, list[Sent]] = defaultdict(list)
        for sent in record.sent:
            by_ring[sent.ring].append(sent)
        return {ring: tuple(self._cut(sent, factors.get(ring or "", 1.0))) for ring, sent in by_ring.items()}

    def _cut(self, sent: Sequence[Sent], factor: float) -> Iterator[Wave]:
        classes = {device.name: device.device_class for device in self.loaded.facts.devices}
        wave: list[Move] = []
        number, first_end, last_end = 1, 0.0, 0.0
        for each in sent:
            at, lasts = each.at - self.now, each.cost.seconds * factor
            if wave and at > first_end - _TOLERANCE:
                yield Wave(number, wave[0].at, last_end, tuple(wave))
                wave, number, last_end = [], number + 1, 0.0
            first_end = min(first_end, at + lasts) if wave else at + lasts
            last_end = max(last_end, at + lasts)
            cost = replace(each.cost, sectors=0) if classes[each.device] in self.loaded.flashless else each.cost
            wave.append(Move(each.device, at, self._name(each.before), each.version, cost, each.kept))
        if wave:
            yield Wave(number, wave[0].at, last_end, tuple(wave))

    def _name(self, digest: str | None) -> str | None:
        return self.loaded.names.get(digest, digest[:_DIGEST_SHOWN]) if digest is not None else None

    def _show_ring(
        self, ring: RingFacts, outcome: _Outcome, waves: tuple[Wave, ...], factor: float | None
    ) -> RingForecast:
        shown, record = outcome.last.rings[ring.name], outcome.record
        target, before = shown.turn.state.target, ring.state.target
        owned = outcome.first.rings[ring.name].devices
        runs = Counter(self._name(each.report.digest if each.report else None) for each in owned)
        proved = [e.at - self.now for e in record.entered if e.ring == ring.name and e.state.step is Step.PROVED]
        return RingForecast(
            name=ring.name,
            model=ring.model,
            source=_describe_source(ring),
            bounds=tuple(_describe_bounds(ring)),
            devices=len(shown.devices),
            running=tuple(sorted(runs.items(), key=lambda each: (-each[1], each[0] or ""))),
            before=before.version if before is not None else None,
            target=target.version if target is not None else None,
            step=shown.turn.state.step.value,
            starts_at=waves[0].at if waves else None,
            proved_at=proved[-1] if proved and shown.turn.state.step is Step.PROVED else None,
            waves=waves,
            gate=describe_gate(ring),
            blocks=tuple(self._find_blocks(ring.name, record)),
            left=_find_left(shown.devices, shown.stands),
            drawn_together=max(1, round(factor)) if factor is not None else 1,
        )

    def _find_blocks(self, ring: str, record: Record) -> Iterator[Block]:
        for span in record.spans:
            if span.ring == ring and _is_block(span, record):
                granted = span.reason == "ApprovalMissing"
                end = span.end - self.now if span.end is not None else None
                yield Block(span.reason, span.waits, span.begin - self.now, end, granted)

    def _find_blasts(self, record: Record) -> Iterator[Blast]:
        """Rehearses the same with every new version failing on every device."""
        facts = self.loaded.facts
        fresh = _find_fresh(facts, record)
        if not fresh:
            return
        bad = {digest for digests in fresh.values() for digest in digests}
        worst = rehearse(facts, self.now, self.pace, bad=bad, passes_max=BLAST_PASSES_MAX)
        for (model, version), digests in fresh.items():
            stop = _find_entry(worst, facts, model, version, STOPPED_STEPS)
            proof = _find_entry(record, facts, model, version, frozenset({Step.PROVED}))
            sent = [each for each in record.sent if each.digest in digests]
            yield Blast(
                model=model,
                version=version,
                ring=stop.ring if stop is not None else None,
                failing=tuple(sorted({each.device for each in worst.sent if each.digest in digests})),
                stops_at=stop.at - self.now if stop is not None else None,
                silent=len({each.device for each in sent if proof is None or each.at < proof.at}),
                silent_until=proof.at - self.now if proof is not None else None,
                bounded=stop is not None or worst.settled,
            )


def _find_entry(record: Record, facts: FleetFacts, model: str, version: str, steps: frozenset[Step]) -> Entered | None:
    """Returns the first time that a ring came to one of these steps with a version."""
    own = {ring.name for ring in facts.rings if ring.model == model}
    for each in record.entered:
        target = each.state.target
        if each.ring in own and each.state.step in steps and target is not None and target.version == version:
            return each
    return None


def _find_fresh(facts: FleetFacts, record: Record) -> dict[tuple[str, str], frozenset[str]]:
    """Returns the artifact digests of versions that rings give out and that none of them has proved before."""
    proved = {proof.digest for ring in facts.rings for proof in ring.state.proven}
    sent = {each.digest for each in record.sent if each.ring is not None}
    found: dict[tuple[str, str], frozenset[str]] = {}
    for version in sorted(facts.versions, key=lambda each: (each.model, each.version)):
        digests = frozenset(artifact.digest for artifact in version.artifacts.values())
        if version.digest not in proved and digests & sent:
            found[version.model, version.version] = digests
    return found


def _is_block(span: Span, record: Record) -> bool:
    if span.reason == "ApprovalMissing":
        return True
    if span.end is not None:
        # A window that was waited for lets somebody go; a target that changed meanwhile ends the wait too.
        opened = (each.ring == span.ring and abs(each.at - span.end) < _TOLERANCE for each in record.sent)
        return span.reason == "WindowClosed" and any(opened)
    return span.reason not in _SAID_ELSEWHERE or not record.settled


def _find_left(devices: Sequence[DeviceFacts], stands: Sequence[Stand]) -> tuple[Left, ...]:
    return _group(
        (device.name, stand)
        for device, stand in zip(devices, stands, strict=True)
        if stand.standing is not Standing.UPDATED
        and stand.reason != "NotMoved"
        and (stand.standing is not Standing.HELD or stand.reason in _BOUNDS)
    )


def _find_strays(last: Plan) -> tuple[Left, ...]:
    return _group((name, stand) for name, stand in last.devices.items() if stand.ring is None)


def _group(pairs: Iterable[tuple[str, Stand]]) -> tuple[Left, ...]:
    found: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, stand in pairs:
        said = stand.message or (f"waits for {HELD_FOR[stand.reason]}" if stand.reason in HELD_FOR else "")
        found[stand.standing.value, stand.reason, said].append(name)
    return tuple(Left(*key, tuple(sorted(names))) for key, names in sorted(found.items()))


def _assume(rings: Iterable[RingForecast]) -> Iterator[Assumption]:
    """Yields what the forecast itself takes for granted."""
    for ring in rings:
        if not ring.waves:
            continue
        if any(block.granted for block in ring.blocks):
            yield Assumption("ApprovalGranted", "a person approves at once", (ring.name,))
        for figure in ring.gate.figures:
            yield Assumption("FiguresGood", f"its gate is passed: {figure}", (ring.name,))
        if ring.drawn_together > 1:
            said = f"one shown wave stands for about {ring.drawn_together}: they move as many devices in as long"
            yield Assumption("WavesDrawnTogether", said, (ring.name,))


def _describe_source(ring: RingFacts) -> str:
    if ring.pin is not None:
        return f"pinned to {ring.pin}"
    return f"tracks {ring.track}" if ring.track is not None else f"after {', '.join(ring.after)}"


def _describe_bounds(ring: RingFacts) -> Iterator[str]:
    if ring.limit is not None:
        yield f"at most {_describe_share(ring.limit)} of its devices"
    if ring.max_concurrency is not None:
        yield f"{_describe_share(ring.max_concurrency)} at once"
    if ring.budget is not None:
        where = f"of each {ring.budget_label}" if ring.budget_label else "out of service"
        yield f"{_describe_share(ring.budget)} {where} at once"
    if ring.rate_per_minute is not None:
        yield f"{ring.rate_per_minute} a minute"
    if ring.window is not None:
        yield f"in its window ({ring.window.time_zone})"


def _describe_share(share: Share) -> str:
    return str(share) if isinstance(share, int) else f"{share * 100:g} %"


def describe_gate(ring: RingFacts) -> Gate:
    """Returns what must be true before a ring counts as proved, as sentences."""
    figures = [_describe_metric(gate) for gate in ring.metrics]
    if ring.shadow is not None:
        most = ring.shadow.max_disagreement_percent
        figures.append(f"{ring.shadow.min_windows} windows in the shadow, at most {most} % decided otherwise")
    stops = [_describe_rule(rule) for rule in ring.abort_when]
    if ring.ring_deadline is not None:
        stops.append(f"not proved {format_duration(ring.ring_deadline)} after its first command")
    return Gate(ring.success_percent, ring.min_sample, ring.soak, tuple(figures), tuple(stops))


def _describe_metric(gate: MetricGate) -> str:
    bounds = [f"at most {gate.max:g}"] if gate.max is not None else []
    bounds += [f"at most {gate.max_ratio:g} times that of {gate.control}"] if gate.max_ratio is not None else []
    return f"{gate.metric} {' and '.join(bounds)}"


def _describe_rule(rule: AbortRule) -> str:
    what = "failures" if rule.type == "Any" else f"devices {rule.type}"
    return f"{what} above {rule.percent} % of at least {rule.min_sample} judged"
