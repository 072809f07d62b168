"""What keeps the plant's devices running; the devices here are scripts of a line."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet_demo.supervisor import RestartPolicy
from edgefleet_devcluster.processes import Program, python_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INFERENCE = "import signal, socket; s = socket.socket(socket.AF_UNIX); s.bind('i.socket'); signal.pause()"


def test_a_board_that_resets_is_started_again_soon_each_time() -> None:
    policy = RestartPolicy()
    assert [policy.after(70, lived=60.0) for _ in range(3)] == [0.2, 0.2, 0.2]


def test_one_that_keeps_dying_is_left_alone_for_longer_each_time() -> None:
    policy = RestartPolicy()
    pauses = [policy.after(70, lived=0.1) for _ in range(10)]
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-2:] == [30.0, 30.0]
    assert policy.after(70, lived=11.0) == 0.2, "it has lived: forgiven"


def test_one_with_wrong_arguments_is_not_started_again() -> None:
    assert RestartPolicy().after(64, lived=0.1) is None


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGSEGV, 0, 1])
def test_every_other_end_is_a_reset(status: int) -> None:
    assert RestartPolicy().after(status, lived=60.0) == 0.2


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts a supervisor of these devices, ended with the test."""
    program = Program("plant", tmp_path)

    def begin(**devices: list[str]) -> Program:
        settings = {"socket": "i.socket", "inference": script(INFERENCE), "devices": devices}
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        program.start(python_module("edgefleet_demo.supervisor", str(tmp_path)), detach=False)
        return program

    yield begin
    program.stop(10.0)


def states(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        return json.loads((folder / "states.json").read_text())
    except OSError:
        return {}


def wait(folder: Path, so: Callable[[dict[str, dict[str, Any]]], bool], seconds: float = 20.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while not so(found := states(folder)):
        assert time.monotonic() < end, f"not so: {found}\n{(folder / 'log' / 'plant.log').read_text()}"
        time.sleep(0.02)
    return found


def lives(state: dict[str, dict[str, Any]], name: str, starts: int) -> bool:
    return state.get(name, {}).get("starts", 0) >= starts and state[name]["pid"] is not None


def test_a_killed_device_comes_back_and_its_words_are_kept(start: Callable[..., Program], tmp_path: Path) -> None:
    start(one=script("import time; print('boot', flush=True); time.sleep(600)"))
    pid = wait(tmp_path, lambda state: lives(state, "one", 1))["one"]["pid"]
    while "boot" not in (tmp_path / "log" / "one.log").read_text():
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    found = wait(tmp_path, lambda state: lives(state, "one", 2))
    assert found["one"]["pid"] != pid
    assert found["one"]["status"] == -signal.SIGKILL


def test_a_device_that_resets_itself_comes_back_and_one_with_wrong_arguments_does_not(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    start(resets=script("raise SystemExit(70)"), wrong=script("raise SystemExit(64)"))
    found = wait(tmp_path, lambda state: state.get("resets", {}).get("starts", 0) >= 3 and "status" in state["wrong"])
    assert found["resets"]["status"] == 70
    assert (found["wrong"]["status"], found["wrong"]["starts"], found["wrong"]["givenUp"]) == (64, 1, True)


def test_devices_are_asked_to_end_and_nothing_stays(start: Callable[..., Program], tmp_path: Path) -> None:
    polite = "import signal, sys, time; signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit(0)))"
    program = start(
        polite=script(f"{polite}; print('up', flush=True); time.sleep(600)"),
        deaf=script("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"),
    )
    found = wait(tmp_path, lambda state: lives(state, "polite", 1) and lives(state, "deaf", 1))
    while "up" not in (tmp_path / "log" / "polite.log").read_text():
        time.sleep(0.02)
    program.stop(15.0)
    assert "bye" in (tmp_path / "log" / "polite.log").read_text()
    assert not any(_runs(found[name]["pid"]) for name in ("polite", "deaf", "inference"))


def test_killed_with_9_it_leaves_no_device_behind(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start(one=script("import time; time.sleep(600)"))
    found = wait(tmp_path, lambda state: lives(state, "one", 1))
    assert program.identity is not None
    os.kill(program.identity.pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while any(_runs(found[name]["pid"]) for name in ("one", "inference")):
        assert time.monotonic() < end
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"
