"""The demo's fleet on the session's cluster: one for a chapter's tests, taken down after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgefleet_demo import platform
from edgefleet_demo.places import Places
from edgefleet_demo.stage import Stage
from edgefleet_demo.target import Target
from support.demo_fleet import DemoFleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgefleet_demo.snapshots import Snapshot
    from support.cluster import RunningCluster

DEVICES = 12


def _say(line: str, /) -> None:
    print(f"  {line}")  # noqa: T201 - shown with a failure


def _show(_: Snapshot) -> None:
    """Nobody watches."""


# Of a module, not of the session: other tests install the charts on the same cluster, or compare what a machine holds.
@pytest.fixture(scope="module")
def fleet(cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    """Twelve connected devices without a model, on the charts as they are in this checkout."""
    access = cluster.kubectl.cluster
    stage = Stage("e2e", Places(tmp_path_factory.mktemp("demo")), DEVICES, _say, _show)
    stage.settle(Target(access.kubeconfig, access.context, cluster.own))
    found = DemoFleet(stage)
    try:
        found.begin()
        yield found
    finally:
        stage.plant.stop()
        stage.target.forget_repository()
        platform.uninstall(stage.target)
