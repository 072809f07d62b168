"""`edgefleet lint` as a person and as CI run it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.fleets import make_classes, make_device, make_ring, make_version, to_yaml

REPOSITORY = Path(__file__).parents[3]


def run(*arguments: str, stdin: bytes | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the installed command."""
    done = subprocess.run(["edgefleet", *arguments], input=stdin, capture_output=True, check=False, cwd=cwd)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    good = (make_classes(), make_device("x"), make_ring("canary"), make_version())
    (tmp_path / "fleet.yaml").write_bytes(to_yaml(good))
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    identity = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=os.environ | identity)


def test_our_own_fleet_manifests_pass() -> None:
    done = run("lint", str(REPOSITORY / "fleet-manifests"))
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stderr


def test_a_clean_folder_exits_0_and_counts_what_it_read(folder: Path) -> None:
    done = run("lint", str(folder))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "4 objects in 1 files: 0 errors, 0 warnings\n"


def test_an_error_exits_1(folder: Path) -> None:
    (folder / "more.yaml").write_bytes(to_yaml((make_device("y", "nope"),)))
    done = run("lint", str(folder))
    assert done.returncode == 1
    assert done.stdout.startswith("more.yaml:")
    assert "EdgeDevice y: spec.deviceClass: device class nope is not declared here; declared are esp32" in done.stdout


def test_a_warning_exits_0_and_with_strict_1(folder: Path) -> None:
    (folder / "more.yaml").write_bytes(to_yaml((make_device("y", labels={"site": "two"}),)))
    assert run("lint", str(folder)).returncode == 0
    assert run("lint", str(folder), "--strict").returncode == 1


def test_json_holds_everything(folder: Path) -> None:
    (folder / "more.yaml").write_bytes(to_yaml((make_device("y", "nope"),)))
    report = json.loads(run("lint", str(folder), "-o", "json").stdout)
    assert report["errors"] == 1
    assert report["findings"][0] == {
        "severity": "error",
        "file": "more.yaml",
        "line": 8,
        "object": "EdgeDevice y",
        "field": "spec.deviceClass",
        "rule": "class-exists",
        "message": "device class nope is not declared here; declared are esp32",
    }


def test_github_gets_workflow_commands_that_cannot_be_broken_out_of(folder: Path) -> None:
    text = to_yaml((make_device("y"),)).decode().replace("deviceClass: esp32", '"device\\nClass": esp32')
    (folder / "more.yaml").write_text(text)
    done = run("lint", str(folder), "--output", "github")
    assert f"::error file={folder.as_posix()}/more.yaml,line=" in done.stdout
    assert "%0A" in done.stdout
    assert all(line.startswith("::") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lint", "nowhere"), "nowhere does not exist"),
        (("lint", "empty"), "holds no .json, .yaml, .yml file"),
        (("lint", ".", "--against", "nowhere"), "nowhere does not exist"),
        (("lint", ".", "--against", "git:nope"), "git archive"),
        (("lint", ".", "--against", "git:--output=x"), "needs a folder and a revision"),
        (("lint", "-", "--against", "git:HEAD"), "needs a folder and a revision"),
    ],
)
def test_what_cannot_be_run_exits_2_with_one_line(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    (folder / "empty").mkdir()
    done = run(*arguments, cwd=folder, stdin=b"")
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_standard_input_is_what_kustomize_prints(folder: Path) -> None:
    done = run("lint", "-", stdin=(folder / "fleet.yaml").read_bytes() + b"---\nkind: x\n")
    assert done.returncode == 0
    assert "4 objects in 1 files" in done.stderr


def test_against_a_git_revision_and_against_a_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    repository = tmp_path_factory.mktemp("repository")
    fleet = repository / "fleet dir"
    fleet.mkdir()
    (fleet / "fleet.yaml").write_bytes((folder / "fleet.yaml").read_bytes())
    (fleet / ".hidden.yaml").write_text("a: [")
    (repository / "outside.yaml").write_text("a: [")
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    assert run("lint", str(fleet), "--against", "git:HEAD").returncode == 0
    changed = make_version()
    changed["spec"]["metrics"] = [{"name": "auc", "value": 0.5}]
    everything = (make_classes(), make_device("x"), make_ring("canary"), changed)
    (fleet / "fleet.yaml").write_bytes(to_yaml(everything))
    for against in ("git:HEAD", str(folder)):
        done = run("lint", str(fleet), "--against", against)
        assert done.returncode == 1
        assert "ModelVersion motor-1.0.0: spec: a model version never changes" in done.stdout


def test_a_single_file_can_be_checked(folder: Path) -> None:
    assert run("lint", str(folder / "fleet.yaml")).returncode == 0


def test_help_and_version_answer() -> None:
    assert "lint" in run("--help").stdout
    assert run("--version").stdout.startswith("edgefleet 0.")
    # kubectl finds plug-ins by name on the PATH.
    plugin = subprocess.run(["kubectl-edgefleet", "--version"], capture_output=True, text=True, check=True)
    assert plugin.stdout == run("--version").stdout
