"""Each seeded bug is planted in a copy of the source, and the planner's own suite must fail on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mutation.seeded_bugs import BUGS, IN_EVERY_RUN, Bug

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator" / "src"
# The quick ones first; what they miss, the slower ones must find.
SUITES = (
    ("tests/unit/domain",),
    ("tests/property/domain/rollout",),
)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package to plant bugs in."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copytree(SOURCE, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return copy


def run_suite(source: Path, suite: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    # A quick look is what must find it, also where everything else looks longer.
    environment = os.environ | {"EDGEFLEET_HYPOTHESIS_PROFILE": "edgefleet", "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PYTHONPATH": str(source)}
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-m", "not slow"]
    command = [sys.executable, "-m", "pytest", *options, *suite]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)


def test_the_copy_is_what_is_tested_and_passes_as_it_is(planted: Path) -> None:
    marker = planted / "edgefleet" / "domain" / "rollout" / "marker.py"
    marker.write_text("")
    probe = "import edgefleet.domain.rollout.marker"
    environment = os.environ | {"PYTHONPATH": str(planted)}
    subprocess.run([sys.executable, "-c", probe], env=environment, check=True)
    marker.unlink()
    done = run_suite(planted, SUITES[0])
    assert done.returncode == 0, done.stdout


def parametrize() -> list[object]:
    quick, slow = BUGS[:IN_EVERY_RUN], BUGS[IN_EVERY_RUN:]
    return [
        *(pytest.param(bug, id=bug.name) for bug in quick),
        *(pytest.param(bug, id=bug.name, marks=pytest.mark.slow) for bug in slow),
    ]


@pytest.mark.parametrize("bug", parametrize())
def test_the_suite_notices(bug: Bug, planted: Path) -> None:
    file = planted / bug.file
    text = file.read_text()
    file.write_text(text.replace(bug.before, bug.after))
    try:
        for suite in SUITES:
            done = run_suite(planted, suite)
            if done.returncode != 0:
                assert done.returncode == 1, done.stdout + done.stderr  # tests failed; not: nothing could be run
                assert "ERROR collecting" not in done.stdout, done.stdout
                return
    finally:
        file.write_text(text)
    pytest.fail(f"nobody noticed that {bug.name}")


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_each_bug_still_has_its_place_in_the_source(bug: Bug) -> None:
    text = (SOURCE / bug.file).read_text()
    assert text.count(bug.before) == 1
    compile(text.replace(bug.before, bug.after), bug.file, "exec")


def test_there_are_bugs_of_every_kind() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 15
    assert len({(bug.file, bug.before) for bug in BUGS}) >= len(BUGS) - 1
