"""A chapter goes on where it stopped, and says what did not happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from edgefleet_demo import steps
from edgefleet_demo.errors import DemoError
from edgefleet_demo.steps import Ledger, Phase, Step, run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class World:
    """What steps change: a set of things that are so, and what was done."""

    so: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, number: int, total: int, name: str, _: str, /) -> None:
        self.told.append(f"begin {number}/{total} {name}")

    def wait(self, lacking: str, /) -> None:
        self.told.append(f"wait {lacking}")

    def finish(self, phase: Phase, /) -> None:
        self.told.append(f"finish {phase.step}")


def step(name: str, *, once: bool = False, undoes: str = "", works: bool = True) -> Step[World]:
    def do(world: World) -> None:
        world.done.append(name)
        if works:
            world.so.add(name)
            world.so.discard(undoes)

    return Step(name, name, do, lambda world: "" if name in world.so else f"no {name}", 0.05, "the log", once)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "POLL_SECONDS", 0.001)


def go(world: World, tmp_path: Path, *chapter: Step[World], stop_after: str = "") -> list[Phase]:
    return run(chapter, world, Listener(), lambda: Ledger(tmp_path / "finished.json"), stop_after=stop_after)


def test_what_is_so_already_is_not_done(tmp_path: Path) -> None:
    world = World(so={"a"})
    phases = go(world, tmp_path, step("a"), step("b"))
    assert world.done == ["b"]
    assert [(phase.step, phase.skipped) for phase in phases] == [("a", True), ("b", False)]


def test_what_a_later_step_undid_is_not_done_again(tmp_path: Path) -> None:
    chapter = step("forth", once=True), step("back", once=True, undoes="forth")
    world = World()
    go(world, tmp_path, *chapter)
    assert world.done == ["forth", "back"]
    go(world, tmp_path, *chapter)
    assert world.done == ["forth", "back"]
    assert world.so == {"back"}


def test_what_broke_since_is_mended(tmp_path: Path) -> None:
    world = World()
    go(world, tmp_path, step("a"), step("b", once=True))
    world.so.discard("a")
    go(world, tmp_path, step("a"), step("b", once=True))
    assert world.done == ["a", "b", "a"]


def test_an_interrupted_step_is_gone_on_with(tmp_path: Path) -> None:
    world = World()

    def interrupt(_: World) -> None:
        raise KeyboardInterrupt

    broken = Step("b", "b", interrupt, lambda _: "no b", 1, "", once=True)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, step("a", once=True), broken, step("c", once=True))
    go(world, tmp_path, step("a", once=True), step("b", once=True), step("c", once=True))
    assert world.done == ["a", "b", "c"]


def test_a_step_that_does_not_come_about_is_named_with_what_lacks_and_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"^a: after 0 s no a; look at: the log$"):
        go(World(), tmp_path, step("a", works=False, once=True), step("b"))
    assert Ledger(tmp_path / "finished.json").finished == []


def test_stop_after(tmp_path: Path) -> None:
    world = World()
    go(world, tmp_path, step("a"), step("b"), step("c"), stop_after="b")
    assert world.done == ["a", "b"]
    with pytest.raises(DemoError, match="STOP_AFTER is 'd', which is no step; there are: a, b, c"):
        go(world, tmp_path, step("a"), step("b"), step("c"), stop_after="d")
    assert world.done == ["a", "b"]


def test_who_watches_is_told(tmp_path: Path) -> None:
    listener, world = Listener(), World()
    slow = step("slow", works=False)
    with pytest.raises(DemoError):
        run([step("a"), slow], world, listener, lambda: Ledger(tmp_path / "finished.json"))
    assert listener.told[:4] == ["begin 1/2 a", "finish a", "begin 2/2 slow", "wait no slow"]
