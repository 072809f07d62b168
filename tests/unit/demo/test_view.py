"""The demo's picture and its lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from edgefleet_demo.snapshots import Snapshot, read_snapshot
from edgefleet_demo.steps import Phase
from edgefleet_demo.view import LiveView, PlainView, choose, draw, summarize
from support.fleet_listing import condition, device, ring, sync, version

FLEET = read_snapshot(
    [device("motor-01", "1.0.0", "UpToDate"), device("motor-02", phase="Held", online=False)],
    [
        ring("motor-anomaly-canary", "Proved", target="1.0.0", updated=1, total=1),
        ring("motor-anomaly-rest", "Rolling", after=["motor-anomaly-canary"], total=4, updated=1, waiting="a slot"),
    ],
    [version("1.0.0", condition("Verified")), version("1.2.0", condition("Stalled", reason="ManifestMismatch"))],
    [sync("fleet", "0123456789" * 4), sync("rings", ready="False", message="no")],
)


def console(*, terminal: bool = False, width: int = 110) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, highlight=False)


def text_of(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def drawn(snapshot: Snapshot, width: int = 110) -> str:
    out = console(width=width)
    out.print(draw(snapshot))
    return text_of(out)


def test_the_picture_answers_where_it_is_and_why_it_is_not_moving() -> None:
    picture = drawn(FLEET)
    for part in (
        "Flux   fleet 0123456  rings -",
        "Models 1.0.0 verified  1.2.0 ManifestMismatch",
        "● motor-01 1.0.0  UpToDate",
        "○ motor-02 -      Held",
        "███░░░░░░░░░ 1/4",
        "a slot",
    ):
        assert part in picture


def test_nothing_is_drawn_of_what_is_not_there() -> None:
    assert drawn(Snapshot()) == ""
    assert "ring" not in drawn(read_snapshot([device("motor-01")], [], [], []))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_picture_fits_any_width(width: int) -> None:
    assert max(map(len, drawn(FLEET, width).splitlines())) <= width


def test_a_large_fleet_is_counted_instead_of_filling_the_screen() -> None:
    devices = [device(f"motor-{number:03}", "1.0.0", "UpToDate") for number in range(500)]
    picture = drawn(read_snapshot(devices, [], [], []))
    assert "and 452 more: 452 UpToDate" in picture
    assert len(picture.splitlines()) < 20


def test_a_fleet_in_a_line() -> None:
    assert summarize(FLEET) == (
        "canary Proved 1/1 of 1.0.0; rest Rolling 1/4; devices: 1 online, 1 on 1.0.0, 1 on no model; "
        "motor-anomaly-1.2.0 ManifestMismatch"
    )
    assert summarize(Snapshot()) == ""


def test_lines_are_printed_for_changes_only() -> None:
    out = console()
    view = PlainView(out)
    view.begin(1, 9, "cluster", "a Kubernetes")
    for _ in range(3):
        view.show(FLEET)
        view.wait("11 of 12")
    view.finish(Phase("cluster", 1.25, skipped=False))
    view.finish(Phase("build", 0.0, skipped=True))
    lines = text_of(out).splitlines()
    assert lines[0] == "==> [1/9] cluster: a Kubernetes"
    assert lines[-2:] == ["<== cluster: done after 1.2 s", "<== build: already so after 0.0 s"]
    assert len([line for line in lines if "canary Proved" in line]) == 1
    assert len([line for line in lines if "waiting: 11 of 12" in line]) == 1


def test_names_in_brackets_are_no_markup() -> None:
    out = console()
    PlainView(out).say("[red]1/2[/red] of [bold]")
    assert "[red]1/2[/red] of [bold]" in text_of(out)


def test_the_moving_picture_says_what_is_done_and_waited_for() -> None:
    out = console(terminal=True)
    with LiveView(out) as view:
        view.begin(2, 9, "install", "from the chart")
        view.show(FLEET)
        view.wait("Deployment edgefleet-operator has 0 of 1 pods ready")
        view._live.refresh()
        view.say("a line")
        view.finish(Phase("install", 3.0, skipped=False))
    shown = text_of(out)
    assert "0 of 1 pods ready" in shown
    assert "    a line" in shown
    assert "✓ [2/9] install: from the chart  3.0 s" in shown
    assert "motor-01" in shown


@pytest.mark.parametrize(
    ("terminal", "variable", "kind"), [(True, "", LiveView), (True, "1", PlainView), (False, "", PlainView)]
)
def test_which_view_is_chosen(
    *, terminal: bool, variable: str, kind: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    assert isinstance(choose(console(terminal=terminal)), kind)
