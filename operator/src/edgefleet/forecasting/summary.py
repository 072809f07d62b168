"""A forecast in one sentence, and the sentences that text and Markdown share. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgefleet.forecasting.forecast import Blast, Block, Forecast, Gate, Left, NamespaceForecast, RingForecast
from edgefleet.forecasting.loading import Against
from edgefleet.forecasting.wording import (
    clean,
    count_nouns,
    format_about,
    format_bytes,
    format_duration,
    format_instant,
    join_words,
    name_some,
)

NOTHING: Final = "nothing"
AGAINST: Final[dict[Against, str]] = {
    "nothing": "nothing: no live objects were given",
    "live": "the live objects",
    "revision": "another revision, as if it had been rolled out",
}
_RINGS_NAMED: Final = 3
_GRANTED: Final = {"ApprovalMissing": "approval of {ring}"}


def summarize(forecast: Forecast) -> str:
    """Returns "3 devices first, then 9 in 4 waves; 72 kB on air; about 2 min; waits for: approval of rest"."""
    if not forecast.changes:
        return _say_nothing(forecast)
    totals = forecast.totals
    parts = [_count_steps(forecast)]
    if totals.devices:
        parts.append(f"{format_bytes(totals.bytes)} on air")
    if totals.seconds is not None:
        parts.append(f"about {format_about(totals.seconds)}")
    waits = list(_list_waits(forecast))
    if waits:
        parts.append(f"waits for: {name_some(waits)}")
    left = sum(len(each.devices) for namespace in forecast.namespaces for each in _list_left(namespace))
    if left:
        parts.append(f"{count_nouns(left, 'device')} left out")
    if not all(namespace.settled for namespace in forecast.namespaces):
        parts.append("not looked at to the end")
    return "; ".join(parts)


def _list_left(namespace: NamespaceForecast) -> Iterator[Left]:
    yield from namespace.strays
    for ring in namespace.rings:
        if ring.waves:
            yield from ring.left


def _say_nothing(forecast: Forecast) -> str:
    objects = [change for namespace in forecast.namespaces for change in namespace.objects if change.verb != "keeps"]
    waits = list(_list_waits(forecast))
    said = "No device would change" if objects else "Nothing would change"
    if objects:
        named = name_some(f"{change.kind} {change.name}" for change in objects)
        said = f"{said}; {count_nouns(len(objects), 'object')} would: {named}"
    return f"{said}; waits for: {name_some(waits)}" if waits else said


def _count_steps(forecast: Forecast) -> str:
    found = [(namespace.name, ring) for namespace in forecast.namespaces for ring in namespace.rings if ring.waves]
    rings = [ring for _, ring in found]
    pinned = sum(len(namespace.pinned) for namespace in forecast.namespaces)
    recalls = sum(len(namespace.recalls) for namespace in forecast.namespaces)
    chains = {(where, ring.model) for where, ring in found}
    said: list[str] = []
    if len(chains) == 1 and 1 < len(rings) <= _RINGS_NAMED:
        said.append(f"{count_nouns(rings[0].changed, 'device')} first")
        said += [f"then {ring.changed:,}{_count_waves(ring)}" for ring in rings[1:]]
    elif rings:
        changed = sum(ring.changed for ring in rings)
        where = _count_waves(rings[0]) if len(rings) == 1 else f" in {count_nouns(len(rings), 'ring')}"
        said.append(f"{count_nouns(changed, 'device')}{where}")
    if pinned:
        said.append(f"{count_nouns(pinned, 'device')} by pin")
    if recalls:
        said.append(f"{count_nouns(recalls, 'command')} taken back")
    return ", ".join(said) or "No device would change, but a ring's version"


def _count_waves(ring: RingForecast) -> str:
    waves = len(ring.waves) * ring.drawn_together
    return f" in {'about ' if ring.drawn_together > 1 else ''}{count_nouns(waves, 'wave')}" if waves > 1 else ""


def _list_waits(forecast: Forecast) -> Iterator[str]:
    """Yields what only a person, a commit or the clock ends, each once."""
    said: set[str] = set()
    for namespace in forecast.namespaces:
        for ring in namespace.rings:
            for block in ring.blocks:
                words = _say_wait(ring, block)
                if words and words not in said:
                    said.add(words)
                    yield words


def _say_wait(ring: RingForecast, block: Block) -> str:
    if block.reason in _GRANTED:
        return _GRANTED[block.reason].format(ring=ring.name)
    if block.end is not None:
        return f"the window of {ring.name}"
    # A ring whose predecessor waits says nothing new.
    return "" if block.reason == "PredecessorNotProved" else f"{clean(block.waits)} ({ring.name})"


def describe_version(ring: RingForecast) -> str:
    """Returns "1.0.0 → 1.1.0", "nothing → 1.1.0", "1.0.0 (8), 0.9.0 (1) → 1.1.0", "1.1.0" or "no version yet"."""
    if ring.target is None:
        return "no version yet"
    runs = [(version or NOTHING, count) for version, count in ring.running]
    before = [(version, count) for version, count in runs if version != ring.target]
    if not before or not ring.waves:
        return clean(ring.target)
    shown = before[0][0] if len(runs) == 1 else ", ".join(f"{version} ({count:,})" for version, count in before[:2])
    more = len(before) - 2
    return clean(f"{shown}{f' and {more} more' if more > 0 else ''} → {ring.target}")


def describe_gate(gate: Gate, devices: int) -> str:
    """Returns "100 % of at least 3 judged devices updated, then 1 min of soak"."""
    sample = max(1, min(gate.min_sample, devices))
    parts = [f"{gate.success_percent} % of at least {sample:,} judged updated"]
    if gate.soak:
        parts.append(f"{format_duration(gate.soak)} of soak")
    return join_words([*parts, *(clean(figure) for figure in gate.figures)])


def describe_block(ring: RingForecast, block: Block, now: float) -> str:
    """Returns what a ring waits for, and how to end it where that is a person's; `now` is the forecast's."""
    if block.reason == "ApprovalMissing":
        return f"until a person approves: kubectl annotate rollouts/{ring.name} edgefleet.io/approve=WHO"
    if block.end is not None and block.reason == "WindowClosed":
        return f"until its window opens at {format_instant(now + block.end)}"
    return f"for {clean(block.waits)}" if block.waits else clean(block.reason)


def describe_failing(blast: Blast, most: int = 3) -> str:
    """Returns what happens if the version fails its self-test on every device."""
    count = len(blast.failing)
    said = f"{count_nouns(count, 'device')} {'takes' if count == 1 else 'take'} it"
    named = f" ({name_some(blast.failing, most)})" if 0 < count <= most else ""
    if blast.ring is not None and blast.stops_at is not None:
        return f"{said}{named}, then {blast.ring} stops by itself ({format_duration(blast.stops_at)} from now)"
    return f"{said}{named}, and no rule stops the ring{'' if blast.bounded else ' as far as was looked'}"


def describe_silent(blast: Blast) -> str:
    """Returns what happens if the version passes its self-test and turns out bad in use."""
    said = f"{count_nouns(blast.silent, 'device')} {'has' if blast.silent == 1 else 'have'} it"
    if blast.silent_until is None:
        return f"{said}; it is not passed on"
    return f"{said} before it is passed on ({format_duration(blast.silent_until)} from now)"


def describe_flash(namespaces: Sequence[NamespaceForecast], sectors: int, most: int) -> str:
    """Returns "4 sectors of 4 KiB erased on a device, 48 in all"."""
    devices = len({(each.name, move.device) for each in namespaces for move in each.moves if move.cost.sectors})
    at_most = "at most " if sectors != most * devices else ""
    return f"{at_most}{count_nouns(most, 'sector')} of 4 KiB erased on a device, {sectors:,} in all"
