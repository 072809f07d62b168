"""What integration tests share: a real API server, and ours installed in it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefleet.api.meta import GROUP
from edgefleet.api.v1alpha1 import KINDS
from support.apiserver import ApiServer
from support.controlplane import Cluster, Kubectl, control_plane, kubectl, namespace
from support.definitions import wait_established

__all__ = ["control_plane", "kubectl", "namespace"]

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl) -> Path:
    """The generated CRDs, applied and Established; returns their folder."""
    folder = REPOSITORY / "crds"
    kubectl("apply", "--server-side", "-f", str(folder))
    wait_established(kubectl, *(f"{kind.definition.plural}.{GROUP}" for kind in KINDS))
    return folder


@pytest.fixture(scope="session")
def api(control_plane: Cluster, kubectl: Kubectl, crds: Path) -> Iterator[ApiServer]:
    """The API server's verdict on our kinds, in a namespace of this session's own."""
    assert crds.is_dir()
    name = f"verdicts-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield ApiServer(control_plane.kubeconfig, control_plane.context, name)
    kubectl("delete", "namespace", name, "--wait=false")
