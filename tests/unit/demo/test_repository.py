"""The fleet's working copy, against a bare repository on this disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from edgefleet.manifests.folder import read_folder
from edgefleet.manifests.lint import lint
from edgefleet_demo.errors import DemoError
from edgefleet_demo.repository import FleetRepository, Push

TEMPLATE = Path(__file__).parents[3] / "fleet-manifests"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=me", "-c", "user.email=me@test"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """An empty repository, as the cluster's Git server has it."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "s.git")], check=True)
    return tmp_path / "s.git"


@pytest.fixture
def fleet(server: Path, tmp_path: Path) -> FleetRepository:
    """The demo's view of it; nothing is cloned yet."""
    return FleetRepository(tmp_path / "state" / "clone", str(server), {})


def begin(fleet: FleetRepository, devices: int = 12) -> FleetRepository:
    fleet.declare(TEMPLATE, devices, "declare")
    return fleet


def release(fleet: FleetRepository, number: str, mark: str) -> Push | None:
    return fleet.add_version(f"motor-anomaly-{number}", version(number), f"Roll out {number}", mark)


def push_by_hand(server: Path, folder: Path, message: str = "by hand") -> None:
    git(folder, "clone", "--quiet", str(server), "mine")
    git(folder / "mine", "commit", "--quiet", "--allow-empty", f"--message={message}")
    git(folder / "mine", "push", "--quiet", "origin", "main")


def subjects(server: Path) -> list[str]:
    return git(server, "log", "--format=%s", "main").splitlines()


def version(number: str) -> str:
    return f"kind: ModelVersion\nmetadata: {{name: motor-anomaly-{number}}}\n"


def listed(server: Path) -> list[str]:
    return yaml.safe_load(git(server, "show", "main:models/kustomization.yaml"))["resources"]


def test_an_empty_server_gets_the_template_once(fleet: FleetRepository, server: Path) -> None:
    begin(fleet)
    begin(fleet)
    assert subjects(server) == ["Declare a fleet of 12 motors"]
    assert git(server, "log", "--format=%an <%ae>").split("\n")[0] == "EdgeFleet demo <demo@edgefleet.invalid>"
    for name in ("devices/plant-1.yaml", "rings/motor-anomaly.yaml", "clusters/demo/fleet.yaml"):
        assert git(server, "show", f"main:{name}") == (TEMPLATE / name).read_text()
    assert fleet.marks() == {"declare"}


def test_what_a_server_holds_already_stays(fleet: FleetRepository, server: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "mine")
    (tmp_path / "mine" / "mine.yaml").write_text("mine: true\n")
    git(tmp_path / "mine", "add", "--all")
    git(tmp_path / "mine", "commit", "--quiet", "--message=mine")
    git(tmp_path / "mine", "push", "--quiet", str(server), "main")
    begin(fleet)
    begin(fleet)
    assert subjects(server) == ["Declare a fleet of 12 motors", "mine"]
    assert git(server, "show", "main:mine.yaml") == "mine: true\n"


@pytest.mark.parametrize("count", [3, 12, 30])
def test_as_many_devices_are_declared_as_wanted_and_lint_has_nothing_against_them(
    fleet: FleetRepository, count: int
) -> None:
    begin(fleet, count)
    documents = list(yaml.safe_load_all((fleet.clone / "devices" / "plant-1.yaml").read_text()))
    assert [document["metadata"]["name"] for document in documents] == [
        f"motor-{number:02}" for number in range(1, count + 1)
    ]
    assert lint(read_folder(fleet.clone)).errors == 0


def test_a_fleet_grows_and_shrinks_and_keeps_the_rest(fleet: FleetRepository, server: Path) -> None:
    begin(fleet)
    release(fleet, "1.0.0", "first")
    for count in (14, 3, 14, 14):
        begin(fleet, count)
        assert fleet.devices() == [f"motor-{number:02}" for number in range(1, count + 1)]
    assert len(subjects(server)) == 5
    assert listed(server) == ["motor-anomaly-1.0.0.yaml"]
    assert fleet.marks() == {"declare", "first"}


def test_a_version_is_committed_and_listed_once(fleet: FleetRepository, server: Path) -> None:
    begin(fleet)
    push = release(fleet, "1.0.0", "first")
    assert release(fleet, "1.0.0", "first") is None
    assert push is not None
    assert push.commit == git(server, "rev-parse", "main").strip()
    assert 0 < push.ended - push.began < 10
    assert subjects(server) == ["Roll out 1.0.0", "Declare a fleet of 12 motors"]
    assert listed(server) == ["motor-anomaly-1.0.0.yaml"]
    assert fleet.read("models/motor-anomaly-1.0.0.yaml", "first") == version("1.0.0")


def test_a_revert_takes_back_exactly_that_commit(fleet: FleetRepository, server: Path) -> None:
    begin(fleet)
    release(fleet, "1.0.0", "first")
    release(fleet, "1.1.0", "second")
    assert fleet.revert("second", "revert") is not None
    assert fleet.revert("second", "revert") is None
    assert subjects(server)[:2] == ['Revert "Roll out 1.1.0"', "Roll out 1.1.0"]
    assert listed(server) == ["motor-anomaly-1.0.0.yaml"]
    assert fleet.marks() == {"declare", "first", "second", "revert"}
    with pytest.raises(DemoError, match="no commit of step 'nothing'"):
        fleet.revert("nothing", "again")


def test_what_an_interrupted_run_left_is_gone_at_the_next(fleet: FleetRepository, server: Path) -> None:
    begin(fleet)

    def interrupted(folder: Path) -> None:
        (folder / "models" / "half.yaml").write_text("half")
        (folder / ".git" / "index.lock").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.change(interrupted, "half", "half")
    release(fleet, "1.0.0", "first")
    assert "models/half.yaml" not in git(server, "ls-tree", "-r", "--name-only", "main").split()


def test_an_interrupted_first_commit_is_gone_at_the_next(fleet: FleetRepository, server: Path) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "half.yaml").write_text("half")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message=not pushed")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.change(interrupted, "half", "half")
    begin(fleet)
    assert subjects(server) == ["Declare a fleet of 12 motors"]
    assert "half.yaml" not in git(server, "ls-tree", "-r", "--name-only", "main").split()


def test_what_others_push_stays(fleet: FleetRepository, server: Path, tmp_path: Path) -> None:
    begin(fleet)
    push_by_hand(server, tmp_path)
    release(fleet, "1.0.0", "first")
    assert subjects(server) == ["Roll out 1.0.0", "by hand", "Declare a fleet of 12 motors"]


def test_a_push_at_the_same_time_is_built_upon(fleet: FleetRepository, server: Path, tmp_path: Path) -> None:
    begin(fleet)
    meanwhile = iter(["once"])

    def edit(folder: Path) -> None:
        (folder / "note.md").write_text("mine")
        for _ in meanwhile:
            push_by_hand(server, tmp_path)

    fleet.change(edit, "Note", "note")
    assert subjects(server)[:2] == ["Note", "by hand"]


def test_the_users_copy_follows_and_its_changes_are_left_alone(fleet: FleetRepository, tmp_path: Path) -> None:
    begin(fleet)
    copy = tmp_path / "fleet"
    assert fleet.refresh(copy) == ""
    release(fleet, "1.0.0", "first")
    assert fleet.refresh(copy) == ""
    assert (copy / "models" / "motor-anomaly-1.0.0.yaml").exists()
    (copy / "models" / "kustomization.yaml").write_text("work: in progress\n")
    release(fleet, "1.1.0", "second")
    assert "was left as it is" in fleet.refresh(copy)
    assert (copy / "models" / "kustomization.yaml").read_text() == "work: in progress\n"
    assert fleet.marks() == {"declare", "first", "second"}


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"git fetch .*nowhere"):
        begin(FleetRepository(tmp_path / "clone", str(tmp_path / "nowhere.git"), {}))
