"""`edgefleet explain` as a person runs it."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.command_line import run_edgefleet
from support.fleets import to_yaml
from support.live_fleet import NOW, live, placed, plant, to_snapshot


def run(*arguments: str | Path, stdin: str | None = None) -> CompletedProcess[str]:
    """Runs `edgefleet explain` at a fixed time."""
    return run_edgefleet("explain", *arguments, "--now", NOW, stdin=stdin)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A plant on 1.0.0, one motor asleep."""
    made = tmp_path / "live.json"
    made.write_text(to_snapshot(live(plant("1.0.0"), offline=("motor-12",))))
    return made


@pytest.mark.parametrize(
    "target",
    ["ring/rest", "rings/rest", "rollouts/rest", "rolloutring/rest", "rolloutring.edgefleet.io/rest", "Ring/rest"],
)
def test_a_ring_is_named_as_kubectl_names_it(snapshot: Path, target: str) -> None:
    done = run(target, "--against", snapshot)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Ring rest is done: it has proved 1.0.0 (round 1); nothing is left to do.\n"


@pytest.mark.parametrize("target", ["device/motor-05", "ed/motor-05", "edgedevice.edgefleet.io/motor-05"])
def test_a_device_is_named_as_kubectl_names_it(snapshot: Path, target: str) -> None:
    assert run(target, "--against", snapshot).stdout == "motor-05 runs 1.0.0, as it should, in ring rest.\n"


def test_evidence_comes_when_asked_for(snapshot: Path) -> None:
    shown = run("device/motor-12", "--against", snapshot, "-v").stdout.splitlines()
    assert shown[0] == "motor-12 runs 1.0.0, as it should, in ring rest."
    assert "├─ presence      offline since 2026-11-20 06:00 UTC" in shown


def test_a_folder_says_how_it_would_be(snapshot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0", "1.1.0"))))
    done = run("ring/canary", folder, "--against", snapshot, "-v")
    assert done.stdout.startswith("Ring canary is rolling out 1.1.0 (round 2) and waits for 3 devices to confirm 1.1.0")
    assert "is told to run 1.1.0" in done.stdout
    assert run("ring/canary", folder).stdout.startswith("Ring canary is rolling out 1.1.0 (round 1)")


def test_the_live_objects_may_come_from_standard_input(snapshot: Path) -> None:
    assert run("ring/rest", "--against", "-", stdin=snapshot.read_text()).stdout.startswith("Ring rest is done")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ring/rest",), "give --against CONTEXT for what is live, or a folder of manifests, or both"),
        (("rest", "--against", "{snapshot}"), "rest: give device/NAME or ring/NAME"),
        (("pod/rest", "--against", "{snapshot}"), "pod/rest: give device/NAME or ring/NAME"),
        (("ring/", "--against", "{snapshot}"), "ring/: give device/NAME or ring/NAME"),
        (("ring/nowhere", "--against", "{snapshot}"), "there is no ring nowhere; there are canary, rest"),
        (
            ("device/motor-13", "--against", "{snapshot}", "-n", "fleet"),
            "there is no device motor-13; there are motor-01",
        ),
    ],
)
def test_what_cannot_be_answered_exits_2_with_one_line(snapshot: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(*(each.format(snapshot=snapshot) for each in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"edgefleet explain: {said}")
    assert done.stderr.count("\n") == 1


def test_a_name_in_two_namespaces_has_to_be_told_apart(tmp_path: Path) -> None:
    both = tmp_path / "both.json"
    both.write_text(to_snapshot([*live(plant("1.0.0")), *(placed(each, "other") for each in live(plant("1.0.0")))]))
    assert "ring rest is in fleet, other: name one with -n" in run("ring/rest", "--against", both).stderr
    assert run("ring/rest", "--against", both, "-n", "other").stdout.startswith("Ring rest is done")
