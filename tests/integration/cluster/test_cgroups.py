"""Control groups on this machine's own hierarchies: of v1, and of v2 where it is mounted alone or beside."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.node import cgroups
from edgefleet_devcluster.node.cgroups import ControlGroups

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNIFIED = Path("/sys/fs/cgroup/unified")


def hierarchies() -> list[ControlGroups]:
    """Return this machine's, and the v2 hierarchy that is mounted beside v1, if it is."""
    return [ControlGroups(), *([ControlGroups(_UNIFIED)] if (_UNIFIED / "cgroup.controllers").exists() else [])]


@pytest.fixture(params=hierarchies(), ids=lambda groups: f"v{groups.version}")
def groups(request: pytest.FixtureRequest) -> ControlGroups:
    return request.param


@pytest.fixture
def name(groups: ControlGroups) -> Iterator[str]:
    name = f"edgefleet-test-{uuid.uuid4().hex[:8]}"
    yield name
    groups.delete(name)


def test_a_group_holds_processes_and_goes_when_they_do(groups: ControlGroups, name: str) -> None:
    groups.create(f"{name}/node/system")
    groups.create(f"{name}/node/system")  # again is fine
    with subprocess.Popen(["sleep", "60"]) as process:
        for folder in groups.folders(f"{name}/node/system"):
            (folder / "cgroup.procs").write_text(str(process.pid))
        assert groups.processes(name) == {process.pid}
        process.kill()
    groups.delete(name)
    assert not any(folder.exists() for folder in groups.folders(name))


def test_who_still_runs_in_a_group_is_named(groups: ControlGroups, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_GONE_SECONDS", 0.2)
    groups.create(name)
    with subprocess.Popen(["sleep", "60"]) as process:
        for folder in groups.folders(name):
            (folder / "cgroup.procs").write_text(str(process.pid))
        with pytest.raises(DevclusterError, match=rf"does not go away; processes \[{process.pid}\]"):
            groups.delete(name)
        process.kill()


def test_a_new_cpuset_can_run_something(groups: ControlGroups, name: str) -> None:
    if groups.version != 1:
        pytest.skip("a v2 group has all processors from the start")
    groups.create(f"{name}/node")
    [folder] = [folder for folder in groups.folders(f"{name}/node") if "cpuset" in folder.parts]
    assert (folder / "cpuset.cpus").read_text().strip()
    assert (folder / "cpuset.mems").read_text().strip()
