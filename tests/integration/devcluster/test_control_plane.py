"""A real control plane: what it serves, what it refuses, and what it leaves behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from edgefleet_devcluster.control_plane.plane import ControlPlane
from edgefleet_devcluster.processes import Identity
from support.controlplane import Cluster, Kubectl, chosen_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., subprocess.CompletedProcess[str]]

CLI = [sys.executable, "-m", "edgefleet_devcluster"]
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def processes_in(directory: Path) -> list[str]:
    """Name every process that works in the directory, ours or strayed."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == directory:
                found.append((entry / "cmdline").read_text().split("\0")[0])
        except OSError:
            continue  # ended while we looked, or a zombie
    return found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ControlPlane]:
    plane = ControlPlane("own", tmp_path / "own", fsync=False)
    yield plane
    plane.stop()


def test_serves_its_administrator(kubectl: Kubectl) -> None:
    assert kubectl("get", "--raw", "/readyz").stdout == "ok"
    names = kubectl("get", "namespaces", "-o", "name").stdout.split()
    assert "namespace/kube-system" in names
    version = kubectl.json("version")
    assert version["serverVersion"]["gitVersion"] == version["clientVersion"]["gitVersion"]  # pyright: ignore[reportIndexIssue]


def test_refuses_strangers(control_plane: Cluster) -> None:
    server = json.loads(control_plane.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    trusting = ssl._create_unverified_context()  # noqa: S323 - a stranger has no certificate of ours
    connection = http.client.HTTPSConnection(urlsplit(server).netloc, context=trusting, timeout=10)
    connection.request("GET", "/api/v1/namespaces")
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status == http.HTTPStatus.FORBIDDEN
    assert 'User \\"system:anonymous\\" cannot list resource' in body


def test_deletes_namespaces_with_what_is_in_them(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "content", f"--namespace={namespace}")
    kubectl("delete", "namespace", namespace, "--timeout=30s")
    assert "NotFound" in kubectl("get", "namespace", namespace, check=False).stderr


def test_a_second_one_runs_beside_it_and_keeps_its_data(kubectl: Kubectl, own: ControlPlane) -> None:
    own.start()
    second = Kubectl(kubectl.binary, Cluster(own.kubeconfig, own.context, owned=True))
    second("create", "namespace", "kept")
    assert "NotFound" in kubectl("get", "namespace", "kept", check=False).stderr
    first_run = own.status().programs
    own.stop()
    assert processes_in(own.directory) == []

    own.start()
    assert second("get", "namespace", "kept", "-o", "name").stdout == "namespace/kept\n"
    assert own.status().programs != first_run
    assert kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_nothing_survives_a_parent_that_is_killed(tmp_path: Path) -> None:
    directory = tmp_path / "orphan"
    script = (
        "import sys, time; from pathlib import Path; from edgefleet_devcluster.control_plane.plane import ControlPlane;"
        "ControlPlane('orphan', Path(sys.argv[1]), fsync=False).start(); print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(directory)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        assert len(processes_in(directory)) == len(PROGRAMS)
        parent.send_signal(signal.SIGKILL)
    until(lambda: processes_in(directory) == [], 5, "the end of all programs")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run the command line on a state directory of the test's own."""
    environment = os.environ | {"EDGEFLEET_STATE": str(tmp_path / "state")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLI, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    yield run
    run("control-plane", "down")


def test_up_down_and_a_half_dead_one(run: Run) -> None:
    assert run("control-plane", "status").returncode == 1
    up = run("control-plane", "up")
    assert up.returncode == 0, up.stderr
    directory = Path(run("control-plane", "kubeconfig").stdout.strip()).parent
    etcd = Identity.read(directory / "run" / "etcd.pid")
    assert etcd is not None

    again = run("control-plane", "up")
    assert "already running" in again.stdout
    assert Identity.read(directory / "run" / "etcd.pid") == etcd
    assert run("control-plane", "kubectl", "--", "create", "namespace", "kept").returncode == 0

    os.kill(etcd.pid, signal.SIGKILL)
    until(lambda: not etcd.alive(), 5, "the end of etcd")
    half = run("control-plane", "status")
    assert half.returncode == 1
    assert "etcd: not running" in half.stdout
    mended = run("control-plane", "up")
    assert "ending what is left of an earlier run: kube-apiserver" in mended.stderr
    assert run("control-plane", "status").returncode == 0
    assert run("control-plane", "kubectl", "--", "get", "namespace", "kept").returncode == 0

    assert run("control-plane", "down").stdout == "default: stopped\n"
    assert processes_in(directory) == []
    assert not list((directory / "run").iterdir())
    assert run("control-plane", "down", "--delete").stdout == "default: was not running\n"
    assert not directory.exists()


def test_kubectl_without_a_cluster_says_how_to_start_one(run: Run) -> None:
    done = run("control-plane", "kubectl", "--name", "absent", "--", "get", "ns")
    assert done.returncode == 1
    assert done.stderr == (
        "devcluster: no control plane 'absent': start it with `devcluster control-plane up --name absent`\n"
    )


class TestChosenCluster:
    """EDGEFLEET_CONTEXT: the user's kubeconfig counts only for the context that is named."""

    @pytest.fixture
    def users(self, control_plane: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
        document = json.loads(control_plane.kubeconfig.read_text())
        document["contexts"].append({"name": "production", "context": document["contexts"][0]["context"]})
        document["current-context"] = "production"
        path = tmp_path / "users-kubeconfig"
        path.write_text(json.dumps(document))
        monkeypatch.setenv("KUBECONFIG", str(path))
        return document

    @pytest.mark.usefixtures("users")
    def test_takes_the_named_context_alone(self, kubectl: Kubectl, tmp_path: Path) -> None:
        cluster = chosen_cluster(kubectl.cluster.context, tmp_path, kubectl.binary)
        copied = json.loads(cluster.kubeconfig.read_text())
        assert copied["current-context"] == kubectl.cluster.context
        assert [entry["name"] for entry in copied["contexts"]] == [kubectl.cluster.context]
        assert not cluster.owned
        assert Kubectl(kubectl.binary, cluster)("get", "--raw", "/readyz").stdout == "ok"

    @pytest.mark.usefixtures("users")
    def test_refuses_a_context_that_is_not_there(self, kubectl: Kubectl, tmp_path: Path) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"is 'prod', which the kubeconfig does not have.*production"):
            chosen_cluster("prod", tmp_path, kubectl.binary)

    @pytest.mark.usefixtures("users")
    def test_refuses_a_context_that_is_not_for_tests_unless_it_is_named_twice(
        self, kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"'production', which does not look like a cluster for tests"):
            chosen_cluster("production", tmp_path, kubectl.binary)
        assert not (tmp_path / "kubeconfig").exists()
        monkeypatch.setenv("EDGEFLEET_ALLOWED_CONTEXTS", "staging,production")
        assert chosen_cluster("production", tmp_path, kubectl.binary).context == "production"
