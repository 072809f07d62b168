"""A forecast for a terminal: a tree of namespaces, rings and waves. Pure; styles are names, not colours."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgefleet.forecasting.forecast import Forecast, Left, Move, NamespaceForecast, RingForecast, Wave, sum_up
from edgefleet.forecasting.loading import Assumption
from edgefleet.forecasting.overlay import ObjectChange
from edgefleet.forecasting.summary import (
    AGAINST,
    describe_block,
    describe_failing,
    describe_flash,
    describe_gate,
    describe_silent,
    describe_version,
    summarize,
)
from edgefleet.forecasting.tree import Node, Paint, Span, Style, draw, leave_plain, say
from edgefleet.forecasting.wording import (
    clean,
    count_nouns,
    format_bytes,
    format_instant,
    format_offset,
    name_some,
)

WAVES_SHOWN: Final = 6
"""Of a ring; further ones are summed up, the last is shown."""
NAMES_SHOWN: Final = 4
_OBJECTS_SHOWN: Final = 12
_WHEN: Final = 14
_WHAT: Final = 10
_HANG: Final = _WHEN + _WHAT
_VERBS: Final[dict[str, tuple[str, Style]]] = {
    "adds": ("+", "good"),
    "changes": ("~", "warn"),
    "removes": ("-", "bad"),
    "keeps": ("=", "faint"),
}


def render_text(forecast: Forecast, width: int, paint: Paint = leave_plain) -> str:
    """Returns the forecast as text, its summary first.

    Args:
        forecast: what to show.
        width: columns.
        paint: turns styles into colours.
    """
    nodes = [say(summarize(forecast), "strong")]
    if any(namespace.rings or namespace.objects for namespace in forecast.namespaces) and forecast.changes:
        nodes.append(say(""))
    for namespace in forecast.namespaces:
        nodes += _show_namespace(forecast, namespace)
    return draw(nodes, width, paint)


def _show_namespace(forecast: Forecast, namespace: NamespaceForecast) -> Iterator[Node]:
    objects = [change for change in namespace.objects if change.verb != "keeps"]
    if forecast.changes or objects:
        against = AGAINST[forecast.against]
        name = f"namespace {namespace.name}" if namespace.name else "no namespace"
        title = (Span(name, "strong"), Span(f"  from {format_instant(forecast.now)}, against {against}", "faint"))
        children = [_show_objects(objects)] if objects else []
        if forecast.changes:
            children += [_show_ring(ring, forecast.now) for ring in namespace.rings]
            children += list(_show_rest(namespace))
        yield Node(title, (*children, *_show_assumptions(namespace)))
    else:
        yield from _show_assumptions(namespace)


def _show_objects(objects: Sequence[ObjectChange]) -> Node:
    children: list[Node] = []
    for change in objects[:_OBJECTS_SHOWN]:
        glyph, style = _VERBS[change.verb]
        fields = f": {name_some(change.fields)}" if change.fields else ""
        children.append(Node((Span(f"{glyph} ", style), Span(clean(f"{change.kind} {change.name}{fields}")))))
    if len(objects) > _OBJECTS_SHOWN:
        children.append(say(f"and {count_nouns(len(objects) - _OBJECTS_SHOWN, 'object')} more", "faint"))
    return say("objects", "strong", *children)


def _show_ring(ring: RingForecast, now: float) -> Node:
    style: Style = "good" if ring.proved_at is not None else "warn" if ring.waves else "plain"
    facts = [ring.source, count_nouns(ring.devices, "device"), *ring.bounds]
    label = (
        Span(ring.name, "strong"),
        Span("  "),
        Span(describe_version(ring), style),
        Span(f"  {'; '.join(clean(fact) for fact in facts)}", "faint"),
    )
    rows = [*_list_waves(ring), *_list_blocks(ring, now)]
    if ring.waves:
        at = max(wave.ends_at for wave in ring.waves) if ring.proved_at is None else ring.proved_at - ring.gate.soak
        rows.append((at, 2, _row(at, "gate", describe_gate(ring.gate, ring.devices))))
        if ring.proved_at is not None:
            rows.append((ring.proved_at, 3, _row(ring.proved_at, "proved", "", "good")))
        elif ring.step in ("Aborted", "RollingBack"):
            rows.append((at, 3, _row(at, "stops", f"{ring.step} at the end", "bad")))
    rows.sort(key=lambda row: row[:2])
    return Node(label, tuple([node for _, _, node in rows] + [_show_left(left) for left in ring.left]))


def _row(at: float, what: str, said: str, style: Style = "plain") -> Node:
    label = (Span(f"{format_offset(at):<{_WHEN}}", "faint"), Span(f"{what:<{_WHAT - 1}} ", style), Span(said))
    return Node(label, (), _HANG)


def _list_waves(ring: RingForecast) -> Iterator[tuple[float, int, Node]]:
    shown = ring.waves if len(ring.waves) <= WAVES_SHOWN else ring.waves[: WAVES_SHOWN - 2]
    for wave in shown:
        yield wave.at, 1, _row(wave.at, _name_wave(ring, wave), _say_moves(wave.moves))
    if len(shown) == len(ring.waves):
        return
    between, last = ring.waves[len(shown) : -1], ring.waves[-1]
    devices = sum(len(wave.moves) for wave in between)
    said = f"{count_nouns(len(between) * ring.drawn_together, 'more wave')} with {count_nouns(devices, 'device')}"
    yield between[0].at, 1, _row(between[0].at, "...", said, "faint")
    yield last.at, 1, _row(last.at, _name_wave(ring, last), _say_moves(last.moves))


def _name_wave(ring: RingForecast, wave: Wave) -> str:
    many = ring.drawn_together
    return f"wave {wave.number}" if many == 1 else f"~{(wave.number - 1) * many + 1}-{wave.number * many}"


def _say_moves(moves: Sequence[Move]) -> str:
    names = sorted(move.device for move in moves)
    most = NAMES_SHOWN if len(names) > NAMES_SHOWN + 1 else len(names)
    switches = sum(move.kept for move in moves)
    kept = "" if not switches else ", switch back without a download" if switches == len(moves) else ""
    return f"{count_nouns(len(names), 'device')}: {name_some(names, most)}{kept}"


def _list_blocks(ring: RingForecast, now: float) -> Iterator[tuple[float, int, Node]]:
    for block in ring.blocks:
        style: Style = "warn" if block.end is not None or block.granted else "bad"
        what = "blocked" if block.needs_person else "waits"
        yield block.begin, 0, _row(block.begin, what, describe_block(ring, block, now), style)


def _show_left(left: Left) -> Node:
    said = left.message or left.standing
    label = (
        Span(f"{'':<{_WHEN}}"),
        Span(f"{'left out':<{_WHAT}}", "warn"),
        Span(f"{_name(left.devices)}: {clean(said)}"),
    )
    return Node(label, (), _HANG)


def _name(devices: Sequence[str]) -> str:
    most = NAMES_SHOWN if len(devices) > NAMES_SHOWN + 1 else len(devices)
    return name_some(devices, most)


def _show_rest(namespace: NamespaceForecast) -> Iterator[Node]:
    for left in namespace.strays:
        yield Node((Span("in no ring  ", "warn"), Span(f"{_name(left.devices)}: {clean(left.message)}")))
    if namespace.pinned:
        yield say("by pin", "strong", *(_row(move.at, move.version, move.device) for move in namespace.pinned))
    if namespace.recalls:
        names = [recall.device for recall in namespace.recalls]
        yield Node((Span("taken back  ", "warn"), Span(f"open commands of {_name(names)}; they keep what they run")))
    totals = sum_up([namespace])
    if totals.devices:
        models, manifests = format_bytes(totals.model_bytes), format_bytes(totals.manifest_bytes)
        yield Node((Span("on air      ", "strong"), Span(f"{models} of models, {manifests} of signed manifests")))
        if totals.sectors:
            said = describe_flash([namespace], totals.sectors, totals.sectors_max)
            yield Node((Span("flash       ", "strong"), Span(said)))
    for blast in namespace.blasts:
        yield say(
            f"if {blast.model} {blast.version} is bad",
            "strong",
            Node((Span("and fails its self-test: "), Span(describe_failing(blast)))),
            Node((Span("and only fails in use: "), Span(describe_silent(blast)))),
        )


def _show_assumptions(namespace: NamespaceForecast) -> Iterator[Node]:
    if namespace.assumptions:
        yield say("taken for granted", "strong", *(_show_assumption(each) for each in namespace.assumptions))


def _show_assumption(each: Assumption) -> Node:
    few = len(each.names) <= NAMES_SHOWN
    shown = ", ".join(each.names) if few else f"{each.names[0]} and {len(each.names) - 1:,} more"
    return say(clean(f"{shown}: {each.sentence}"))
