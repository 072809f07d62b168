"""Fixtures of a second cluster, driven by the command line, while the session's own runs beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.cluster import Cluster
from support.cluster import OWNER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.cluster import RunningCluster

    Run = Callable[..., subprocess.CompletedProcess[str]]

CLI = [sys.executable, "-m", "edgefleet_devcluster"]
# Of this session's own: one that was killed may have left its.
NAME = f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory, cluster: RunningCluster) -> Iterator[Path]:
    """The state directory of a second cluster; the session's runs beside it all the time."""
    assert cluster.machine.segment.subnet()
    folder = tmp_path_factory.mktemp("state")
    yield folder
    run_on(folder)("down", "--delete")


def run_on(state: Path) -> Run:
    environment = os.environ | {"EDGEFLEET_STATE": str(state), OWNER_VARIABLE: str(os.getpid())}

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [*CLI, arguments[0], f"--name={NAME}", *arguments[1:]]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def run(state: Path) -> Run:
    return run_on(state)


@pytest.fixture(scope="session")
def second(state: Path) -> Cluster:
    return Cluster(NAME, state / "edgefleet" / "devcluster" / NAME, flux=False)


def assert_well(run: Run) -> None:
    """All nodes are ready by their own word, and pods of ours run."""
    status = run("status")
    assert status.stdout.count("Ready") == 4, status.stdout
    run("kubectl", "--", "wait", "--for=condition=Available", "--all-namespaces", "--all", "deployment", "--timeout=5s")
