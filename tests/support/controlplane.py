"""Fixtures of a real Kubernetes API: `control_plane`, `kubectl` and `namespace`.

By default it is a control plane of this test session's own. With EDGEFLEET_CONTEXT set it is the cluster of exactly
that context of the user's kubeconfig. A kubeconfig alone never selects a cluster: tests must not find production.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.control_plane.plane import ControlPlane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT_VARIABLE = "EDGEFLEET_CONTEXT"
ALLOWED_VARIABLE = "EDGEFLEET_ALLOWED_CONTEXTS"
_LOCAL_CONTEXTS = ("kind-*", "k3d-*", "minikube*", "devcluster-*", "docker-desktop", "rancher-desktop", "colima*")
_KUBECTL_SECONDS = 60.0


@dataclass(frozen=True)
class Cluster:
    """What tests may know of the cluster they run on."""

    kubeconfig: Path
    """Complete in itself, with one context only."""
    context: str
    owned: bool
    """Whether this session started it; else it is the user's and has to be left as it was."""


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl on one cluster, whatever the user's environment says."""

    binary: Path
    cluster: Cluster

    def __call__(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = _KUBECTL_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run it; fail the test with kubectl's own words unless told not to check."""
        environment = os.environ | {
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "KUBECACHEDIR": str(self.cluster.kubeconfig.parent / "kubectl-cache"),
        }
        command = [str(self.binary), f"--context={self.cluster.context}", *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout, env=environment
        )
        if check and done.returncode != 0:
            pytest.fail(f"kubectl {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments: str) -> dict[str, object]:
        """Run it with ``-o json`` and return what it printed."""
        return json.loads(self(*arguments, "-o", "json").stdout)


def is_allowed(context: str) -> bool:
    """Whether tests may run there: local clusters by their tools' names, others by being named twice."""
    named = os.environ.get(ALLOWED_VARIABLE, "").split(",")
    return context in named or any(fnmatchcase(context, pattern) for pattern in _LOCAL_CONTEXTS)


def chosen_cluster(context: str, directory: Path, binary: Path) -> Cluster:
    """Return the cluster of one context of the user's kubeconfig, as a kubeconfig file of its own.

    The copy cannot drift: what the user selects while the tests run does not reach them.
    """
    view = [str(binary), "config", "view", "--raw", "--minify", "--flatten", "-o", "json", f"--context={context}"]
    done = subprocess.run(view, capture_output=True, text=True, check=False, timeout=_KUBECTL_SECONDS)
    found = json.loads(done.stdout or "{}")
    if done.returncode != 0 or [entry["name"] for entry in found.get("contexts") or []] != [context]:
        names = subprocess.run(
            [str(binary), "config", "get-contexts", "-o", "name"], capture_output=True, text=True, check=False
        ).stdout.split()
        pytest.fail(
            f"{CONTEXT_VARIABLE} is {context!r}, which the kubeconfig does not have "
            f"(it has: {', '.join(names) or 'none'}); unset it to test on a control plane of the tests' own"
        )
    if not is_allowed(context):
        pytest.fail(
            f"{CONTEXT_VARIABLE} is {context!r}, which does not look like a cluster for tests: they install CRDs and "
            f"delete namespaces; if that is meant, set {ALLOWED_VARIABLE}={context} as well"
        )
    path = directory / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(found))
    return Cluster(path, context, owned=False)


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real kube-apiserver on a real etcd, without nodes: the session's own, or the one EDGEFLEET_CONTEXT names."""
    directory = tmp_path_factory.mktemp("control-plane")
    if context := os.environ.get(CONTEXT_VARIABLE):
        yield chosen_cluster(context, directory, build.ensure(["kubectl"])["kubectl"])
        return
    name = f"test-{uuid.uuid4().hex[:8]}"
    own = ControlPlane(name, directory / name, fsync=False)
    with own, pytest.MonkeyPatch.context() as patch:
        # For clients that are given no kubeconfig: they shall find this one and not the user's.
        patch.setenv("KUBECONFIG", str(own.kubeconfig))
        yield Cluster(own.kubeconfig, own.context, owned=True)
    if not request.session.testsfailed:
        own.delete()  # else its logs stay, as long as pytest keeps its temporary directories


@pytest.fixture(scope="session")
def kubectl(control_plane: Cluster) -> Kubectl:
    """Run kubectl on the tests' cluster: ``kubectl("get", "ns")``."""
    return Kubectl(build.ensure(["kubectl"])["kubectl"], control_plane)


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of this test's own; it and what is in it are deleted in the background afterwards."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
