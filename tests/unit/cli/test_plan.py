"""`edgefleet plan` as a person and as CI run it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from edgefleet.entrypoints.cli.fleet_source import find_paint
from edgefleet.entrypoints.cli.plan import COMMANDS_PER_MINUTE
from edgefleet.forecasting.tree import leave_plain
from support.command_line import run_edgefleet
from support.fleets import to_yaml
from support.live_fleet import NOW, canary, device, live, plant, rest, to_snapshot

REPOSITORY = Path(__file__).parents[3]


def run(*arguments: str | Path, stdin: str | bytes | None = None, **environment: str) -> CompletedProcess[str]:
    """Runs `edgefleet plan` at a fixed time."""
    return run_edgefleet("plan", *arguments, "--now", NOW, stdin=stdin, **environment)


def git(folder: Path, *arguments: str) -> None:
    identity = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=os.environ | identity)


def test_a_folder_alone_is_planned_against_nothing_and_says_so(folder: Path) -> None:
    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 devices first, then 9 in 3 waves; ")
    assert "against nothing: no live objects were given" in done.stdout
    assert "nothing is known of it: taken as online" in done.stdout


def test_a_snapshot_in_json_in_yaml_and_from_standard_input_say_the_same(folder: Path, snapshot: Path) -> None:
    first = run(folder, "--against", snapshot)
    assert "1.0.0 → 1.1.0" in first.stdout
    objects = json.loads(snapshot.read_text())
    as_yaml = snapshot.with_suffix(".yaml")
    as_yaml.write_text(yaml.safe_dump(objects))
    assert run(folder, "--against", as_yaml).stdout == first.stdout
    assert run(folder, "--against", "-", stdin=snapshot.read_text()).stdout == first.stdout
    assert run("-", "--against", snapshot, stdin=(folder / "fleet.yaml").read_bytes()).stdout == first.stdout


def test_the_exit_status_says_whether_a_device_would_change_only_when_asked(folder: Path, snapshot: Path) -> None:
    assert run(folder, "--against", snapshot).returncode == 0
    assert run(folder, "--against", snapshot, "--exit-code").returncode == 1
    (folder / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0"))))
    done = run(folder, "--against", snapshot, "--exit-code")
    assert (done.returncode, done.stdout) == (0, "Nothing would change\n")


def test_what_lint_refuses_is_not_planned(folder: Path) -> None:
    (folder / "more.yaml").write_bytes(to_yaml((device("x", deviceClass="toaster"),)))
    done = run(folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0].startswith("more.yaml:")
    assert done.stderr.splitlines()[-1] == "edgefleet plan: 1 error to mend first; `edgefleet lint` says the same"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("{folder}", "--against", "nowhere.yaml"), "--against nowhere.yaml: no such file"),
        (("{folder}", "--bandwidth", "fast"), "--bandwidth fast: give bytes a second, such as 32k or 1.5M"),
        (("{folder}", "--bandwidth", "0"), "--bandwidth 0: give bytes a second"),
        (("-", "--against", "-"), "standard input is either the manifests or the live objects"),
        (("{folder}", "--against", "{folder}/fleet.yaml", "--kubeconfig", "x"), ""),
    ],
)
def test_what_cannot_be_run_exits_2_with_one_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(*(each.format(folder=folder) for each in arguments), stdin="")
    if not said:  # declared objects are live objects too: those that nobody has acted on yet
        assert done.returncode == 0
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"edgefleet plan: {said}")
    assert done.stderr.count("\n") == 1


def test_an_empty_folder_and_a_broken_snapshot_are_told(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no .json, .yaml, .yml file" in run(tmp_path / "empty").stderr
    (tmp_path / "table.txt").write_text("NAME   STEP\ncanary Proved\n")
    done = run(folder, "--against", tmp_path / "table.txt")
    assert done.returncode == 2
    assert "no Kubernetes object" in done.stderr
    done = run_edgefleet("plan", folder, "--now", "tomorrow")
    assert done.returncode == 2
    assert "--now tomorrow: give a time such as 2026-11-21T06:00:00Z" in done.stderr


def test_a_context_that_does_not_exist_is_told(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\ncurrent-context: ''\n")
    done = run(folder, "--against", "nowhere", "--kubeconfig", config)
    assert done.returncode == 2
    assert done.stderr.startswith("edgefleet plan: --against nowhere: kubeconfig: ")


def test_json_and_markdown_are_what_their_names_say(folder: Path, snapshot: Path) -> None:
    written = json.loads(run(folder, "--against", snapshot, "-o", "json").stdout)
    assert written["totals"]["devices"] == 12
    assert written["now"] == "2026-11-21T06:00:00.000000Z"
    assert run(folder, "--against", snapshot, "-o", "markdown").stdout.startswith(
        "<!-- edgefleet plan -->\n**3 devices"
    )


def test_pace_is_the_users(folder: Path, snapshot: Path) -> None:
    written = json.loads(
        run(folder, "--against", snapshot, "-o", "json", "--bandwidth", "1k", "--update-seconds", "3").stdout
    )
    assert written["pace"] == {"bytesPerSecond": 1000, "updateSeconds": 3}
    move = written["namespaces"][0]["rings"][0]["waves"][0]["moves"][0]
    assert move["seconds"] == pytest.approx(3 + (move["modelBytes"] + move["manifestBytes"]) / 1000, abs=0.1)


def test_manifests_without_a_namespace_go_where_n_says_or_where_the_live_ones_are(folder: Path, snapshot: Path) -> None:
    text = (folder / "fleet.yaml").read_text().replace("  namespace: fleet\n", "")
    (folder / "fleet.yaml").write_text(text)
    for extra in ((), ("-n", "fleet")):
        written = json.loads(run(folder, "--against", snapshot, "-o", "json", *extra).stdout)
        assert [each["namespace"] for each in written["namespaces"]] == ["fleet"]
        assert [each["verb"] for each in written["namespaces"][0]["objects"]] == ["adds"]


def test_prune_lets_everything_leave_that_is_not_declared(folder: Path, tmp_path: Path) -> None:
    objects = live([*plant("1.0.0"), device("motor-99")])
    for each in objects:
        each["metadata"].pop("labels") if each["kind"] == "EdgeDevice" else None
    bare = tmp_path / "bare.json"
    bare.write_text(to_snapshot(objects))
    assert "- EdgeDevice motor-99" not in run(folder, "--against", bare).stdout
    assert "- EdgeDevice motor-99" in run(folder, "--against", bare, "--prune").stdout


def test_lines_are_as_long_as_the_terminal(folder: Path) -> None:
    for columns in (60, 120):
        shown = run(folder, COLUMNS=str(columns)).stdout.splitlines()
        assert columns - 15 < max(map(len, shown)) <= columns


def test_colours_are_for_people_who_want_them(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert "\x1b" not in run(folder).stdout
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert find_paint()("bad", "bad") == "\x1b[31mbad\x1b[0m"
    assert find_paint()("plain", "plain") == "plain"
    monkeypatch.setenv("TERM", "dumb")
    assert find_paint() is leave_plain
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert find_paint() is leave_plain


def test_the_same_input_is_the_same_output_to_the_byte_in_every_process(folder: Path, snapshot: Path) -> None:
    rings = (canary(), rest(approval="required", strategy={"budget": {"groupBy": "line", "maxUnavailable": 1}}))
    (folder / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0", "1.1.0", rings=rings))))
    program = "import typer; from edgefleet.entrypoints.cli.plan import plan; typer.run(plan)"
    command = [sys.executable, "-c", program, str(folder), "--against", str(snapshot), "--now", NOW, "-o", "json"]
    said = {
        subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1


def test_a_git_revision_is_taken_as_rolled_out(folder: Path) -> None:
    git(folder, "init", "-q", "-b", "main")
    (folder / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0"))))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    assert run(folder, "--against", "git:HEAD", "--exit-code").stdout.startswith("Nothing would change\n")
    (folder / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0", "1.1.0"))))
    done = run(folder, "--against", "git:main", "--exit-code")
    assert done.returncode == 1
    assert "1.0.0 → 1.1.0" in done.stdout
    assert "against another revision, as if it had been rolled out" in done.stdout
    assert "git:main: what it declares is taken as rolled out" in done.stdout


@pytest.mark.parametrize(
    ("against", "said"),
    [("git:nowhere", "--against git archive: "), ("git:--output=x", "--against git:--output=x: name a revision")],
)
def test_a_revision_that_is_none_is_told(folder: Path, against: str, said: str) -> None:
    git(folder, "init", "-q")
    done = run(folder, "--against", against)
    assert done.returncode == 2
    assert done.stderr.startswith(f"edgefleet plan: {said}")
    assert run("-", "--against", "git:main", stdin="").stderr == "edgefleet plan: --against git:main needs a folder\n"


def test_a_revision_with_errors_of_its_own_is_told(folder: Path) -> None:
    git(folder, "init", "-q", "-b", "main")
    (folder / "fleet.yaml").write_bytes(to_yaml((*plant("1.0.0"), device("x", deviceClass="toaster"))))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "bad")
    (folder / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0"))))
    assert "git:main: does not pass `edgefleet lint` itself (1 to mend)" in run(folder, "--against", "git:main").stderr


def test_our_own_fleet_manifests_are_planned() -> None:
    done = run(REPOSITORY / "fleet-manifests")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing would change; waits for: a version of motor-anomaly in ^1.0 to be declared")


def test_the_operators_rate_is_the_charts_unless_told_otherwise(folder: Path, snapshot: Path) -> None:
    values = yaml.safe_load((REPOSITORY / "deploy" / "charts" / "edgefleet" / "values.yaml").read_text())
    assert values["operator"]["commandsPerMinute"] == COMMANDS_PER_MINUTE

    def last(*extra: str) -> float:
        written = json.loads(run(folder, "--against", snapshot, "-o", "json", *extra).stdout)
        return max(
            move["at"] for ring in written["namespaces"][0]["rings"] for wave in ring["waves"] for move in wave["moves"]
        )

    assert last("--commands-per-minute", "6") > last() + 50
