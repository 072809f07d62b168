"""Fixtures of a whole cluster, nodes included: `cluster`, one a session, and `cluster_namespace`, one a test.

What a failing test leaves in its namespace (events, pods, their logs) is shown with the failure; the logs of the
cluster's own programs are written to a folder whose path is shown.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import images, logs
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.chosen import ChosenCluster
from edgefleet_devcluster.cluster import Cluster
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import store
from edgefleet_devcluster.node.cgroups import ControlGroups
from support import controlplane
from support.controlplane import CONTEXT_VARIABLE, Kubectl, chosen_cluster

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

OWNER_VARIABLE = "EDGEFLEET_TEST_SESSION"
"""In the environment of what a session starts in the background: the session's process number."""
_REPORT = pytest.StashKey[pytest.CollectReport | pytest.TestReport]()
_LOG_LINES = 100


@dataclass(frozen=True)
class RunningCluster:
    """The cluster of this session."""

    kubectl: Kubectl
    own: Cluster | None
    """None for the user's, chosen by EDGEFLEET_CONTEXT."""
    loaded: set[str] = field(default_factory=set)
    """What was brought onto the nodes since the start."""

    @property
    def machine(self) -> Cluster:
        """The cluster as devcluster knows it; a test of devcluster itself has nothing to do on another one."""
        if self.own is None:
            pytest.skip(f"tests devcluster itself, and {CONTEXT_VARIABLE} chose another cluster")
        return self.own

    def node_address(self, name: str) -> str:
        """Return the address of a node."""
        node = json.loads(self.kubectl("get", "node", name, "-o", "json").stdout)
        return next(entry["address"] for entry in node["status"]["addresses"] if entry["type"] == "InternalIP")

    def image(self, name: str, *, catalogue: Path | None = None) -> str:
        """Return the reference of an image, which is on the nodes: the cluster's own, or one of another catalogue."""
        image = images.ensure([name], catalogue=catalogue)[name]
        if image.reference in self.loaded or (self.own is not None and catalogue is None):
            return image.reference
        if self.own is None:
            ChosenCluster(self.kubectl.cluster.context).load(image.archive)
        else:
            for node in self.own.nodes.values():
                if image.belongs_on(node.name, ("platform",) if node.number == 0 else ()):
                    store.load(image, node.socket)
        self.loaded.add(image.reference)
        return image.reference


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """A real cluster of four nodes with Flux: the session's own, or the one EDGEFLEET_CONTEXT names."""
    folder = tmp_path_factory.mktemp("cluster")
    binary = build.ensure(["kubectl"])["kubectl"]
    if context := os.environ.get(CONTEXT_VARIABLE):
        yield RunningCluster(Kubectl(binary, chosen_cluster(context, folder, binary)), None)
        return
    sweep()
    name = f"test-{uuid.uuid4().hex[:8]}"
    # Where the command line finds it, with EDGEFLEET_STATE={folder}.
    own = Cluster(name, folder / "edgefleet" / "devcluster" / name, fsync=False)
    try:
        with own:
            access = controlplane.Cluster(own.kubeconfig, own.control_plane.context, owned=True)
            yield RunningCluster(Kubectl(binary, access), own)
            if request.session.testsfailed:
                _export(own, folder)
    except DevclusterError as error:
        _export(own, folder)
        own.stop()
        pytest.fail(f"{error}\nits logs: {folder}")
    if not request.session.testsfailed:
        own.delete()


def sweep() -> None:
    """Remove what sessions that were killed left.

    The kernel ended their own clusters' processes, but did not take the networks; clusters that commands had started
    in the background run on.
    """
    for path in Path("/run/netns").glob("edgefleet-test-????????-control-plane"):
        name = path.name.removeprefix("edgefleet-").removesuffix("-control-plane")
        stale = Cluster(name, Path(tempfile.gettempdir()) / name)
        running = stale.segment.processes()
        owners = {owner for pid in running if (owner := _owner(pid))}
        if not running or (owners and not any(Path(f"/proc/{owner}").exists() for owner in owners)):
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            stale.segment.delete()
            ControlGroups().delete(f"edgefleet-{name}")


def _owner(pid: int) -> str:
    """Return the number of the test session in whose name a process was started in the background, if one was."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    return next((line.partition("=")[2] for line in variables if line.startswith(f"{OWNER_VARIABLE}=")), "")


def _export(own: Cluster, folder: object) -> None:
    target = own.directory.with_name("logs")
    logs.export(own, target)
    print(f"logs of the test cluster: {target} ({folder})")  # noqa: T201 - shown with the failure


@pytest.fixture
def cluster_namespace(request: pytest.FixtureRequest, cluster: RunningCluster) -> Iterator[str]:
    """A namespace of this test's own; what it has to tell is shown if the test fails."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    report = request.node.stash.get(_REPORT, None)
    if report is not None and report.failed:
        request.node.add_report_section("call", f"namespace {name}", _tell(cluster.kubectl, name))
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the report of a test's own run, for the fixtures that end after it."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


def _tell(kubectl: Kubectl, namespace: str) -> str:
    """Return all that a namespace tells of what went wrong."""
    here = f"--namespace={namespace}"
    told = [
        kubectl("get", "all,pvc", here, "--output=wide", check=False).stdout,
        kubectl("describe", "pods", here, check=False).stdout,
        kubectl("get", "events", here, "--sort-by=.lastTimestamp", check=False).stdout,
    ]
    for pod in kubectl("get", "pods", here, "--output=name", check=False).stdout.split():
        done = kubectl("logs", pod, here, "--all-containers", "--prefix", f"--tail={_LOG_LINES}", check=False)
        told.append(done.stdout + done.stderr)
    return "\n".join(told)
