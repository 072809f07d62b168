"""What was made for one cluster is not used on another one of its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from edgefleet_demo.places import Places, cache_dir, state_dir
from edgefleet_demo.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from edgefleet_demo.snapshots import Snapshot
    from edgefleet_demo.target import Target


@dataclass
class Cluster:
    """All that settling looks at."""

    identity: str


def settle(root: Path, identity: str, lines: list[str]) -> Stage:
    def show(_: Snapshot) -> None:
        """Nobody watches."""

    stage = Stage("demo", Places(root), 12, lines.append, show)
    stage.settle(cast("Target", Cluster(identity)))
    return stage


def fill(stage: Stage) -> None:
    places = stage.places
    for folder in (places.release_key.parent, places.identity("motor-01"), places.working_copy, places.clone):
        folder.mkdir(parents=True)
    places.release_key.write_text("key")
    (places.working_copy / "mine").write_text("mine")
    stage.ledger.add("first")


def test_the_same_cluster_finds_all_of_it(tmp_path: Path) -> None:
    lines: list[str] = []
    fill(settle(tmp_path / "demo", "a", lines))
    again = settle(tmp_path / "demo", "a", lines)
    assert again.ledger.finished == ["first"]
    assert again.places.identity("motor-01").exists()
    assert lines == []


def test_a_new_cluster_begins_anew_with_the_same_key_and_the_users_work_is_kept(tmp_path: Path) -> None:
    lines: list[str] = []
    fill(settle(tmp_path / "demo", "a", lines))
    again = settle(tmp_path / "demo", "b", lines)
    assert again.ledger.finished == []
    assert not again.places.identity("motor-01").exists()
    assert again.places.release_key.read_text() == "key"
    (aside,) = (folder for folder in tmp_path.iterdir() if folder.name.startswith("demo."))
    assert (aside / "fleet" / "mine").read_text() == "mine"
    assert lines[-1] == f"the old working copy is in {aside}"


def test_state_and_cache_are_where_the_user_wants_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("EDGEFLEET_STATE", "EDGEFLEET_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_dir("x") == tmp_path / ".local" / "share" / "edgefleet" / "demo" / "x"
    assert cache_dir() == tmp_path / ".cache" / "edgefleet"
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    assert state_dir("x") == tmp_path / ".local" / "share" / "edgefleet" / "demo" / "x"
    monkeypatch.setenv("EDGEFLEET_STATE", str(tmp_path / "s"))
    assert state_dir("x") == tmp_path / "s" / "edgefleet" / "demo" / "x"
