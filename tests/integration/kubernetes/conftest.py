"""What tests of the operator's Kubernetes client share: how to reach the API server, directly or through a proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support.reach import Reach

if TYPE_CHECKING:
    from pathlib import Path

    from support.controlplane import Cluster, Kubectl


@pytest.fixture
def reach(control_plane: Cluster, crds: Path, tmp_path: Path) -> Reach:
    assert crds.is_dir()
    document = json.loads(control_plane.kubeconfig.read_text())
    address = urlsplit(document["clusters"][0]["cluster"]["server"])
    assert address.hostname
    assert address.port
    return Reach(control_plane.kubeconfig, address.hostname, address.port, tmp_path)


@pytest.fixture
def other(kubectl: Kubectl, namespace: str) -> str:
    """A second namespace, whose objects nobody asked for."""
    name = f"{namespace}-other"
    kubectl("create", "namespace", name)
    return name
