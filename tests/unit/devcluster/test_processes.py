"""Programs are started, recognised and ended; other people's processes are left alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.processes import Identity, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEP = shutil.which("sleep") or ""
SHELL = shutil.which("sh") or ""


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program("nap", tmp_path)
    yield program
    program.stop(grace=0)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([SLEEP, "30"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("detach", [False, True])
def test_starts_and_stops(program: Program, detach: bool) -> None:
    program.start([SLEEP, "30"], detach=detach)
    until(lambda: program.identity)
    identity = program.identity
    assert identity is not None
    program.check()
    assert os.getpgid(identity.pid) == identity.pid
    program.stop(grace=5)
    assert not identity.alive()
    assert not program.pid_file.exists()


def test_another_object_finds_and_ends_what_was_detached(program: Program) -> None:
    program.start([SLEEP, "30"], detach=True)
    other = Program(program.name, program.directory)
    found = other.identity
    assert found is not None
    other.stop(grace=5)
    assert not found.alive()


def test_a_stubborn_program_is_killed_with_its_group(program: Program, tmp_path: Path) -> None:
    script = f"trap '' TERM; {SLEEP} 30 & echo $! > child; while :; do {SLEEP} 1; done"
    program.start([SHELL, "-c", script], detach=False)
    until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip())
    child = Identity.of(int((tmp_path / "child").read_text()), SLEEP)
    program.stop(grace=0.2)
    until(lambda: not child.alive())


def test_a_pid_file_of_a_dead_process_is_no_program(program: Program, bystander: subprocess.Popen[bytes]) -> None:
    innocent = Identity.of(bystander.pid, SLEEP)
    program.pid_file.parent.mkdir()
    for stale in (
        replace(innocent, started=innocent.started - 1),  # the number was given to another process since
        replace(innocent, boot="another"),
        replace(innocent, program="/usr/bin/another"),
    ):
        stale.write(program.pid_file)
        assert program.identity is None
        program.stop(grace=0)
        assert not program.pid_file.exists()
    assert bystander.poll() is None


@pytest.mark.parametrize("content", ["", "123", "{}", '{"pid": 1}', "[", '"text"'])
def test_a_damaged_pid_file_is_no_program(program: Program, content: str) -> None:
    program.pid_file.parent.mkdir()
    program.pid_file.write_text(content)
    assert program.identity is None


def test_a_zombie_is_not_alive(bystander: subprocess.Popen[bytes]) -> None:
    identity = Identity.of(bystander.pid, SLEEP)
    assert identity.alive()
    bystander.kill()
    until(lambda: not identity.alive())


def test_a_program_is_alive_at_every_moment_of_its_start(program: Program) -> None:
    # During exec a process has no command line for a moment.
    for _ in range(20):
        program.start([SLEEP, "30"], detach=True)
        program.check()
        program.stop(grace=5)


def dead(program: Program) -> bool:
    try:
        program.check()
    except DevclusterError:
        return True
    return False


def test_an_early_death_shows_the_end_of_the_log(program: Program) -> None:
    program.start([SHELL, "-c", "echo one; echo cannot bind >&2; exit 3"], detach=False)
    until(lambda: dead(program))
    with pytest.raises(DevclusterError, match=r"^nap ended early with exit status 3; the last lines of .*nap\.log:"):
        program.check()
    assert program.tail() == "    one\n    cannot bind"


def test_a_program_that_cannot_run_is_told(program: Program) -> None:
    program.start(["/nonexistent/program"], detach=True)
    until(lambda: dead(program))
    with pytest.raises(DevclusterError, match=r"cannot run /nonexistent/program: .*No such file"):
        program.check()


def test_the_log_of_the_run_before_is_kept(program: Program) -> None:
    for word in ("first", "second"):
        program.start([SHELL, "-c", f"echo {word}"], detach=True)
        until(lambda word=word: word in program.tail())
    assert program.log.with_suffix(".log.1").read_text() == "first\n"


def test_the_kernel_ends_it_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from edgefleet_devcluster.processes import Program;"
        "program = Program('nap', Path(sys.argv[1])); program.start([sys.argv[2], '30'], detach=False);"
        "time.sleep(30)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path), SLEEP]) as parent:
        until(lambda: Program("nap", tmp_path).identity)
        identity = Program("nap", tmp_path).identity
        assert identity is not None
        parent.send_signal(signal.SIGKILL)
    until(lambda: not identity.alive())


def test_a_pid_file_can_be_read_by_people(program: Program, bystander: subprocess.Popen[bytes]) -> None:
    program.pid_file.parent.mkdir()
    identity = Identity.of(bystander.pid, SLEEP)
    identity.write(program.pid_file)
    assert json.loads(program.pid_file.read_text()) == asdict(identity)
    assert identity.memory() > 0
