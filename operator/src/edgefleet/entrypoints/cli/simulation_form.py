"""What a simulation told, as text, as Markdown and as JSON. Decides nothing."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from edgefleet.forecasting.tree import Paint, Style, leave_plain
from edgefleet.forecasting.wording import clean, count_nouns, format_bytes, format_duration, format_instant
from edgefleet.simulation.record import RingEnd, Run, Transition
from edgefleet.simulation.scenario import Story

_VIOLATIONS_SHOWN: Final = 10
_STYLES: Final[dict[str, Style]] = {
    "Proved": "good",
    "Aborted": "bad",
    "RollingBack": "bad",
    "Quarantined": "bad",
    "Suspended": "warn",
    "Lifted": "warn",
}
_COLUMNS: Final = ("ring", "step", "version", "updated", "failed", "rejected", "offline", "others")


def render_text(story: Story, width: int, paint: Paint = leave_plain) -> str:
    """Returns the story for a terminal.

    Args:
        story: what happened.
        width: columns.
        paint: turns styles into colours.
    """
    lines = [
        paint(f"simulated: {clean(story.fleet)}", "strong"),
        *_wrap(f"seed {story.run.seed}; from {format_instant(story.run.started)}, in virtual time", width, "  "),
        *(line for said in story.assumptions for line in _wrap(clean(said), width, "  - ")),
        "",
        *_draw_timeline(story.run, width, paint),
        "",
        *_draw_rings(story.run.rings, paint),
        *_draw_waits(story.run.rings, width),
        "",
        *(line for said in _sum_up(story.run) for line in _wrap(said, width, "")),
        *_draw_verdict(story, width, paint),
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _draw_timeline(run: Run, width: int, paint: Paint) -> Iterator[str]:
    names = max((len(each.ring) for each in run.transitions), default=0)
    versions = max((len(each.version) for each in run.transitions), default=0)
    leader = 1
    for each in run.transitions:
        if each.leader != leader:
            leader = each.leader
            yield paint(f"{'':>11}  leader {leader} takes over", "warn")
        clock, step = format_clock(each.at - run.started), f"{each.step:<11}"
        head = f"{clock:>11}  {each.ring:<{names}}  {step}  {each.version:<{versions}}  "
        said = _wrap(_explain(each), max(width - len(head), 30), "")
        painted = head.replace(step, paint(step, _STYLES.get(each.step, "plain")), 1)
        yield painted + (said[0] if said else "")
        yield from (" " * len(head) + line for line in said[1:])
    if not run.transitions:
        yield "  no ring moved"


def _explain(each: Transition) -> str:
    said = clean(each.evidence)
    stopped = each.step in ("Aborted", "RollingBack") and each.reason not in ("", each.step)
    return f"{each.reason}: {said}" if stopped and said else said


def format_clock(seconds: float) -> str:
    """Returns "0:01:05.1", with days in front where there are any."""
    tenths = round(seconds * 10)
    days, rest = divmod(tenths, 864_000)
    hours, rest = divmod(rest, 36_000)
    minutes, rest = divmod(rest, 600)
    clock = f"{hours}:{minutes:02}:{rest / 10:04.1f}"
    return f"{days}d {clock}" if days else clock


def _list_cells(ring: RingEnd) -> tuple[str, ...]:
    updated, failed = ring.of("Updated"), ring.of("Failed", "TimedOut", "RolledBack")
    rejected, offline = ring.of("Rejected"), ring.of("Offline")
    others = ring.total - updated - failed - rejected - offline
    figures = (f"{updated:,}/{ring.total:,}", *(f"{figure:,}" for figure in (failed, rejected, offline, others)))
    return (ring.ring, ring.step, ring.version or "-", *figures)


def _draw_rings(rings: Sequence[RingEnd], paint: Paint) -> Iterator[str]:
    rows = [_COLUMNS, *(_list_cells(ring) for ring in rings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for number, row in enumerate(rows):
        # Names to the left, figures to the right.
        cells = [
            f"{cell:<{wide}}" if place < 3 else f"{cell:>{wide}}"
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        if number == 0:
            yield paint("  ".join(cells), "faint")
            continue
        cells[1] = paint(cells[1], _STYLES.get(row[1], "plain"))
        yield "  ".join(cells)


def _draw_waits(rings: Sequence[RingEnd], width: int) -> Iterator[str]:
    for ring in rings:
        if ring.waits:
            yield from _wrap(f"{ring.ring} waits for {clean(ring.waits)}", width, "")


def _sum_up(run: Run) -> Iterator[str]:
    devices = max(len(run.outcomes), 1)
    decided = sum(not each.again for each in run.commands)
    again = len(run.commands) - decided
    repeated = f", {again:,} said again" if again else ""
    yield (
        f"{count_nouns(decided, 'command')}{repeated}; {format_bytes(run.air_bytes)} on air; "
        f"{count_nouns(run.erases, 'flash sector')} erased, {run.erases / devices:.1f} a device"
    )
    yield (
        f"{format_duration(run.seconds)} of virtual time until the last change; {run.passes:,} passes, "
        f"{count_nouns(run.leaders, 'leader')}, {count_nouns(run.messages, 'message')} heard, "
        f"{count_nouns(run.status_writes, 'status write')}"
    )


def _draw_verdict(story: Story, width: int, paint: Paint) -> Iterator[str]:
    yield paint("at rest", "good") if story.run.rested else paint("not at rest when its time was up", "bad")
    if not story.violations:
        yield paint(f"all {story.promises} promises kept", "good")
    for each in story.violations[:_VIOLATIONS_SHOWN]:
        clock = format_clock(each.at - story.run.started)
        yield from (paint(line, "bad") for line in _wrap(f"{each.check} broken at {clock}: {each.message}", width, ""))


def _wrap(text: str, width: int, bullet: str) -> list[str]:
    """Returns the text in lines, the first behind the bullet and the others below it."""
    lines = [bullet]
    for word in text.split():
        if len(lines[-1]) > len(bullet) and len(lines[-1]) + 1 + len(word) > width:
            lines.append(" " * len(bullet))
        blank = " " if lines[-1].strip() and lines[-1].strip() != bullet.strip() else ""
        lines[-1] += blank + word
    return lines if text else []


def render_markdown(stories: Sequence[Story]) -> str:
    """Returns the stories for a pull request."""
    return "\n".join(line for story in stories for line in _list_markdown(story)) + "\n"


def _list_markdown(story: Story) -> Iterator[str]:
    run = story.run
    yield f"### Simulated: {clean(story.fleet)}"
    yield ""
    yield f"Seed {run.seed}; from {format_instant(run.started)}, in virtual time."
    yield ""
    yield from (f"- {clean(said)}" for said in story.assumptions)
    yield ""
    yield "| at | ring | step | version | why |"
    yield "|---|---|---|---|---|"
    for each in run.transitions:
        cells = (format_clock(each.at - run.started), each.ring, each.step, each.version, _explain(each))
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
    yield ""
    yield f"| {' | '.join((*_COLUMNS, 'waits for'))} |"
    yield f"|{'---|' * (len(_COLUMNS) + 1)}"
    for ring in run.rings:
        yield f"| {' | '.join((*_list_cells(ring), clean(ring.waits).replace('|', '/')))} |"
    yield ""
    yield from (f"- {said}" for said in _sum_up(run))
    yield f"- {'at rest' if run.rested else '**not at rest** when its time was up'}"
    yield from (f"- **{each.check}** broken: {clean(each.message)}" for each in story.violations[:_VIOLATIONS_SHOWN])
    if not story.violations:
        yield f"- all {story.promises} promises kept"


def render_json(story: Story) -> dict[str, Any]:
    """Returns the story as plain values; times are seconds since its start."""
    run = story.run
    return {
        "fleet": story.fleet,
        "seed": run.seed,
        "started": run.started,
        "assumptions": list(story.assumptions),
        "rested": run.rested,
        "seconds": round(run.seconds, 3),
        "transitions": [_form_transition(each, run.started) for each in run.transitions],
        "rings": [_form_ring(ring) for ring in run.rings],
        "totals": _form_totals(run),
        "promises": story.promises,
        "violations": [
            {"at": round(each.at - run.started, 3), "promise": each.check, "message": each.message}
            for each in story.violations
        ],
    }


def _form_transition(each: Transition, started: float) -> dict[str, Any]:
    return {
        "at": round(each.at - started, 3),
        "ring": each.ring,
        "round": each.round,
        "step": each.step,
        "version": each.version,
        "reason": each.reason,
        "evidence": each.evidence,
        "leader": each.leader,
    }


def _form_ring(ring: RingEnd) -> dict[str, Any]:
    return {
        "ring": ring.ring,
        "step": ring.step,
        "round": ring.round,
        "version": ring.version,
        "standings": dict(sorted(ring.standings.items())),
        "waitsFor": ring.waits,
    }


def _form_totals(run: Run) -> dict[str, int]:
    return {
        "devices": len(run.outcomes),
        "commands": sum(not each.again for each in run.commands),
        "saidAgain": sum(each.again for each in run.commands),
        "bytesOnAir": run.air_bytes,
        "sectorsErased": run.erases,
        "passes": run.passes,
        "leaders": run.leaders,
        "messages": run.messages,
        "statusWrites": run.status_writes,
    }
