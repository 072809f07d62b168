"""Control groups v2 passed on from the top: what is written where, on a copy of the files that count."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.node.cgroups import ControlGroups


@pytest.fixture
def v2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ControlGroups:
    """A v2 hierarchy that makes a group's files as the kernel does."""

    def populate(folder: Path, controllers: str) -> None:
        (folder / "cgroup.controllers").write_text(controllers)
        (folder / "cgroup.subtree_control").write_text("")

    make = Path.mkdir

    def mkdir(self: Path, *arguments: Any, **options: Any) -> None:
        existed = self.exists()
        make(self, *arguments, **options)
        if not existed:
            passed = (self.parent / "cgroup.subtree_control").read_text().replace("+", "")
            populate(self, passed)

    populate(tmp_path, "cpu memory pids")
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return ControlGroups(tmp_path)


def test_controllers_are_passed_on_to_the_last_group_but_not_by_it(v2: ControlGroups) -> None:
    v2.create("edgefleet-x/node/system")
    assert v2.version == 2
    for folder in ("", "edgefleet-x", "edgefleet-x/node"):
        assert (v2.root / folder / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (v2.root / "edgefleet-x/node/system/cgroup.controllers").read_text() == "cpu memory pids"
    # A group with processes of its own must not pass any on.
    assert (v2.root / "edgefleet-x/node/system/cgroup.subtree_control").read_text() == ""


def test_a_busy_top_group_is_explained(v2: ControlGroups, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object) -> int:
        raise OSError(errno.EBUSY, "Device or resource busy", str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(DevclusterError, match=r"holds processes.*kind create cluster"):
        v2.create("edgefleet-x")


def test_without_control_groups_kind_is_the_answer(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match=r"no control groups are mounted.*kind create cluster"):
        ControlGroups(tmp_path).create("edgefleet-x")


def test_a_link_to_a_hierarchy_is_not_a_second_one(tmp_path: Path) -> None:
    (tmp_path / "cpu,cpuacct").mkdir()
    (tmp_path / "cpu,cpuacct" / "cgroup.procs").touch()
    (tmp_path / "cpu").symlink_to("cpu,cpuacct")
    (tmp_path / "not-a-group").mkdir()
    assert ControlGroups(tmp_path).hierarchies() == [tmp_path / "cpu,cpuacct"]
