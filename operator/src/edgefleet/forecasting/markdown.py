"""A forecast for a pull request: summary, a table of rings, a table of waves a ring, lists to fold out. Pure.

Whatever comes from objects is escaped: a message that a device sent must not become markup.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from edgefleet.forecasting.forecast import Forecast, NamespaceForecast, RingForecast, sum_up
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
from edgefleet.forecasting.wording import (
    clean,
    count_nouns,
    format_bytes,
    format_duration,
    format_instant,
    format_offset,
    name_some,
)

NAMES_SHOWN: Final = 50
"""In a list to fold out: a comment on GitHub has at most 65,536 characters."""
WAVES_SHOWN: Final = 12
OBJECTS_SHOWN: Final = 30
MARKER: Final = "<!-- edgefleet plan -->"
"""First line: how a job finds the comment that it wrote before."""
_SPECIAL: Final = re.compile(r"([\\`*_\[\]~|#@])")


def render_markdown(forecast: Forecast) -> str:
    """Returns the forecast as GitHub's Markdown."""
    lines = [MARKER, f"**{escape(summarize(forecast))}**", ""]
    for namespace in forecast.namespaces:
        lines += _show_namespace(forecast, namespace)
    lines.append(f"<sub>`edgefleet plan`, {format_instant(forecast.now)}, against {AGAINST[forecast.against]}</sub>")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Returns text of unknown origin as text: no markup, no HTML, no mentions, on one line."""
    return _SPECIAL.sub(r"\\\1", html.escape(clean(text), quote=False))


def _show_namespace(forecast: Forecast, namespace: NamespaceForecast) -> Iterator[str]:
    objects = [change for change in namespace.objects if change.verb != "keeps"]
    if len(forecast.namespaces) > 1:
        yield from (f"### Namespace {escape(namespace.name) or '(none)'}", "")
    if forecast.changes:
        yield from _list_rings(namespace, forecast.now)
        for ring in namespace.rings:
            if ring.waves or ring.blocks or ring.left:
                yield from _show_ring(ring)
        yield from _show_rest(namespace)
    if objects:
        signs = {"adds": "adds", "changes": "changes", "removes": "**removes**"}
        rows = [
            f"- {signs[each.verb]} {each.kind} {escape(each.name)}"
            + (f": {escape(name_some(each.fields, 6))}" if each.fields else "")
            for each in objects
        ]
        yield from _fold(f"{count_nouns(len(rows), 'object')} in the cluster", _cap(rows, OBJECTS_SHOWN, "object"))
    if namespace.assumptions:
        rows = [f"- {escape(name_some(each.names, 4))}: {escape(each.sentence)}" for each in namespace.assumptions]
        yield from _fold(f"{count_nouns(len(rows), 'thing')} taken for granted", rows)


def _list_rings(namespace: NamespaceForecast, now: float) -> Iterator[str]:
    yield "| ring | version | devices | waves | starts | proved | on air | waits |"
    yield "|---|---|---|---|---|---|---|---|"
    for ring in namespace.rings:
        starts = format_offset(ring.starts_at) if ring.starts_at is not None else ""
        proved = format_offset(ring.proved_at) if ring.proved_at is not None else ""
        waves = str(len(ring.waves) * ring.drawn_together) if ring.waves else ""
        sent = sum(move.cost.bytes for move in ring.moves)
        waits = "<br>".join(escape(describe_block(ring, block, now)) for block in ring.blocks)
        cells = [
            f"**{escape(ring.name)}** ({escape(ring.source)})",
            escape(describe_version(ring)),
            f"{ring.changed:,} of {ring.devices:,}",
            waves,
            starts,
            proved,
            format_bytes(sent) if sent else "",
            waits,
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _show_ring(ring: RingForecast) -> Iterator[str]:
    yield f"#### {escape(ring.name)}"
    yield ""
    if ring.waves:
        yield f"Gate: {escape(describe_gate(ring.gate, ring.devices))}."
        if ring.bounds:
            yield f"Bounds: {escape(', '.join(ring.bounds))}."
        yield ""
        yield "| wave | told | confirmed | devices |"
        yield "|---|---|---|---|"
        shown = ring.waves[:WAVES_SHOWN]
        for wave in shown:
            number = wave.number * ring.drawn_together
            first = number - ring.drawn_together + 1
            name = str(number) if ring.drawn_together == 1 else f"about {first} to {number}"
            names = sorted(move.device for move in wave.moves)
            devices = _fold_cell(count_nouns(len(names), "device"), names)
            yield f"| {name} | {format_offset(wave.at)} | {format_offset(wave.ends_at)} | {devices} |"
        rest = ring.waves[len(shown) :]
        if rest:
            devices = count_nouns(sum(len(wave.moves) for wave in rest), "device")
            yield f"| {len(rest)} more | {format_offset(rest[0].at)} | {format_offset(rest[-1].ends_at)} | {devices} |"
        yield ""
    for left in ring.left:
        said = escape(left.message or left.standing)
        yield f"- left out: {_fold_cell(count_nouns(len(left.devices), 'device'), left.devices)} {said}"
    if ring.left:
        yield ""


def _show_rest(namespace: NamespaceForecast) -> Iterator[str]:
    rows: list[str] = []
    for left in namespace.strays:
        devices = _fold_cell(count_nouns(len(left.devices), "device"), left.devices)
        rows.append(f"- in no ring: {devices} {escape(left.message)}")
    rows += [
        f"- by pin: {escape(move.device)} {escape(move.before or 'nothing')} → {escape(move.version)}"
        for move in namespace.pinned[:NAMES_SHOWN]
    ]
    if namespace.recalls:
        names = [recall.device for recall in namespace.recalls]
        rows.append(f"- open commands taken back: {_fold_cell(count_nouns(len(names), 'device'), names)}")
    totals = sum_up([namespace])
    if totals.devices:
        models, manifests = format_bytes(totals.model_bytes), format_bytes(totals.manifest_bytes)
        rows.append(f"- on air: {models} of models, {manifests} of signed manifests")
    if totals.sectors:
        rows.append(f"- flash: {describe_flash([namespace], totals.sectors, totals.sectors_max)}")
    if totals.seconds is not None:
        rows.append(f"- time: {format_duration(totals.seconds)}, people not counted")
    for blast in namespace.blasts:
        version = escape(f"{blast.model} {blast.version}")
        rows.append(f"- if {version} fails its self-test: {escape(describe_failing(blast))}")
        rows.append(f"- if {version} only fails in use: {escape(describe_silent(blast))}")
    yield from (*rows, "")


def _fold(title: str, rows: Sequence[str]) -> Iterator[str]:
    yield f"<details><summary>{escape(title)}</summary>"
    yield ""
    yield from rows
    yield ""
    yield "</details>"
    yield ""


def _fold_cell(title: str, names: Sequence[str]) -> str:
    """Returns a list that folds out inside a table's cell, where no line may break."""
    return f"<details><summary>{escape(title)}</summary>{escape(name_some(names, NAMES_SHOWN))}</details>"


def _cap(rows: list[str], most: int, noun: str) -> list[str]:
    rest = len(rows) - most
    return [*rows[:most], f"- and {count_nouns(rest, noun)} more"] if rest > 0 else rows
