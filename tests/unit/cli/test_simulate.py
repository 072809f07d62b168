"""`edgefleet simulate` as a person runs it."""

import json
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from edgefleet.entrypoints.cli.simulation_form import format_clock, render_text
from edgefleet.simulation.invariants.check import Violation
from edgefleet.simulation.scenario import Ills, Story, simulate_synthetic
from edgefleet.simulation.world import START
from support.command_line import run_edgefleet
from support.fleets import make_ring, to_yaml
from support.live_fleet import canary, rest


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> CompletedProcess[str]:
    return run_edgefleet("simulate", *arguments, stdin=stdin)


def test_a_made_up_fleet_takes_the_new_version_ring_by_ring() -> None:
    done = run("--devices", "100", "--seed", "42")
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert text.startswith("simulated: 100 devices, made up")
    assert "seed 42" in text
    lines = [line.split() for line in text.splitlines()]
    steps = [(words[1], words[2]) for words in lines if len(words) > 2 and words[2] in ("Rolling", "Proved")]
    rings = ["canary", "early", "half", "rest"]
    assert steps == [(ring, step) for ring in rings for step in ("Rolling", "Proved")]
    assert ["rest", "Proved", "1.1.0", "39/39", "0", "0", "0", "0"] in lines
    assert text.endswith("at rest\nall 11 promises kept\n")


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_the_same_seed_tells_the_same_to_the_byte_and_another_one_something_else(form: str) -> None:
    ills = ("--failing", "10%", "--asleep", "20%", "--crashing", "5%", "--reordered", "5%", "--leader-change")
    first, again, other = (run("--devices", "60", "--seed", seed, "-o", form, *ills) for seed in ("7", "7", "8"))
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout


def test_without_a_seed_one_is_drawn_and_printed() -> None:
    seeds = {json.loads(run("--devices", "5", "-o", "json").stdout)["seed"] for _ in range(4)}
    assert len(seeds) > 1
    told = json.loads(run("--devices", "5", "-o", "json").stdout)
    assert json.loads(run("--devices", "5", "-o", "json", "--seed", str(told["seed"])).stdout) == told


def test_a_bad_version_is_stopped_in_the_canary() -> None:
    done = run("--devices", "200", "--seed", "1", "--bad-version", "1.1.0")
    assert done.returncode == 0
    assert "1.1.0 fails its self-test on every device" in done.stdout
    assert "canary  Quarantined  1.1.0  SelfTestFailed" in done.stdout
    assert "canary waits for a change of this ring, or the annotation edgefleet.io/retry" in done.stdout
    assert "rest    Proved   1.0.0" in done.stdout


def test_json_holds_everything_and_counts_add_up() -> None:
    told = json.loads(run("--devices", "300", "--seed", "3", "--failing", "4%", "--silent", "1%", "-o", "json").stdout)
    assert (told["rested"], told["violations"], told["promises"]) == (True, [], 11)
    standings = [ring["standings"] for ring in told["rings"]]
    assert sum(sum(each.values()) for each in standings) == 300
    assert sum(each.get("Failed", 0) + each.get("TimedOut", 0) for each in standings) > 0
    updated = sum(each.get("Updated", 0) for each in standings)
    # What was downloaded: each updated device once, and those that failed the test had loaded it too.
    assert told["totals"]["bytesOnAir"] == 63_000 * (updated + sum(each.get("Failed", 0) for each in standings))
    assert told["totals"]["commands"] >= updated
    ats = [each["at"] for each in told["transitions"]]
    assert ats == sorted(ats)
    assert ats[0] >= 60.0


def test_markdown_is_two_tables() -> None:
    text = run("--devices", "20", "--seed", "3", "-o", "markdown").stdout
    assert text.startswith("### Simulated: 20 devices")
    assert [line for line in text.splitlines() if line.startswith("|---")] == [f"|{'---|' * 5}", f"|{'---|' * 9}"]
    assert "| canary | Proved | 1.1.0 | 1/1 | 0 | 0 | 0 | 0 |  |" in text


def test_a_folder_against_a_snapshot_goes_on_from_what_is_live(folder: Path, snapshot: Path) -> None:
    arguments = (folder, "--against", snapshot, "--seed", "5", "--now", "2026-11-21T06:00:00Z", "-o", "json")
    done = run(*arguments)
    assert done.returncode == 0, done.stdout
    told = json.loads(done.stdout)
    assert "12 devices and 2 rings of namespace fleet" in told["fleet"]
    assert [(ring["ring"], ring["step"], ring["version"]) for ring in told["rings"]] == [
        ("canary", "Proved", "1.1.0"),
        ("rest", "Proved", "1.1.0"),
    ]
    assert told["totals"]["commands"] == 12
    assert run(*arguments).stdout == done.stdout


def test_a_folder_alone_takes_for_granted_what_it_does_not_know(folder: Path) -> None:
    done = run(folder, "--seed", "5")
    assert done.returncode == 0, done.stdout
    assert "nothing is known of it: taken as online" in done.stdout
    assert "from 2026-01-05 08:00 UTC" in done.stdout
    assert run("-", "--seed", "5", stdin=(folder / "fleet.yaml").read_bytes()).stdout == done.stdout


def test_what_does_not_come_to_rest_in_time_exits_1() -> None:
    done = run("--devices", "100", "--seed", "1", "--until", "3m")
    assert done.returncode == 1
    assert "not at rest when its time was up" in done.stdout


def make_story(**changes: Any) -> Story:
    return replace(simulate_synthetic(4, Ills(), seed=1, now=START, seconds=3_600.0), **changes)


def test_a_broken_promise_is_named_and_makes_it_fail() -> None:
    story = make_story(violations=(Violation(START + 65.1, "RatesAreKept", "x: 9 commands in a minute, 6 allowed"),))
    assert not story.good
    text = render_text(story, 100)
    assert "RatesAreKept broken at 0:01:05.1: x: 9 commands in a minute, 6 allowed" in text
    assert "promises kept" not in text
    assert make_story().good


def test_what_a_device_may_have_written_cannot_command_a_terminal() -> None:
    story = make_story(fleet="a\x1b[31mfleet\nof mine")
    assert "\x1b" not in render_text(story, 100)


@pytest.mark.parametrize(
    ("seconds", "clock"),
    [(0.04, "0:00:00.0"), (65.1, "0:01:05.1"), (3_599.96, "1:00:00.0"), (90_061.5, "1d 1:01:01.5")],
)
def test_the_clock_counts_from_the_beginning(seconds: float, clock: str) -> None:
    assert format_clock(seconds) == clock


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give a folder of manifests, or --devices"),
        (("x", "--devices", "3"), "give a folder of manifests, or --devices"),
        (("nowhere",), "nowhere does not exist"),
        (("--devices", "3", "--failing", "lots"), "--failing lots: give a percentage such as 5%"),
        (("--devices", "3", "--asleep", "101%"), "--asleep 101%: give a percentage"),
        (("--devices", "3", "--until", "soon"), "--until soon: give a duration such as 90m"),
        (("--devices", "3", "--bad-version", "9.9.9"), "no version 9.9.9 here; there are 1.0.0, 1.1.0"),
        (("--devices", "3", "--now", "noon"), "--now noon"),
    ],
)
def test_what_cannot_be_run_exits_2_with_one_line(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_manifests_with_errors_are_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_bytes(to_yaml((canary(), rest(after=["nobody"]), make_ring("odd"))))
    done = run(tmp_path)
    assert done.returncode == 2
    assert "to mend first" in done.stderr
