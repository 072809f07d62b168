"""EdgeFleet installed on the tests' cluster by Helm, as docs/install.md tells users to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from edgefleet.provisioning import inventory
from edgefleet_devcluster.binaries import build

if TYPE_CHECKING:
    from support.cluster import RunningCluster

REPOSITORY = Path(__file__).parents[2]
CHARTS = REPOSITORY / "deploy" / "charts"
NAMESPACE = inventory.PLATFORM_NAMESPACE
DEPLOYMENTS = (inventory.BROKER, inventory.MODEL_REGISTRY, inventory.OPERATOR)
PLATFORM_LABEL = "node-role.edgefleet.io/platform"
BROKER_PORT = 30005
REGISTRY_PORT = 30007
EDGEFLEET = Path(sys.executable).with_name("edgefleet")
_SECONDS = 180.0


@dataclass(frozen=True)
class Platform:
    """The two releases on one cluster.

    Attributes:
        cluster: where.
        address: a node's, for NodePorts.
        values: the chart's values of the last installation.
    """

    cluster: RunningCluster
    address: str
    values: dict[str, Any] = field(default_factory=dict)

    def helm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run helm on this cluster in the platform's namespace."""
        access = self.cluster.kubectl.cluster
        command = [build.ensure(["helm"])["helm"], f"--kube-context={access.context}", f"--namespace={NAMESPACE}"]
        environment = os.environ | {"KUBECONFIG": str(access.kubeconfig)}
        done = subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if check and done.returncode != 0:
            pytest.fail(f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done

    def install(self, folder: Path, *, check: bool = True, **changes: Any) -> str:
        """Install or upgrade with these values besides those before; return all that helm said."""
        self.values.update(changes)
        file = folder / "values.yaml"
        file.write_text(yaml.safe_dump(self.values))
        done = self.helm("upgrade", "--install", "edgefleet", str(CHARTS / "edgefleet"), f"-f{file}", check=check)
        return done.stdout + done.stderr

    def wait(self, *deployments: str) -> None:
        """Wait until Deployments run as declared."""
        for name in deployments or DEPLOYMENTS:
            rollout = ("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, f"--timeout={_SECONDS:.0f}s")
            self.cluster.kubectl(*rollout, timeout=_SECONDS + 10)

    def get(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the platform's objects of a kind by name."""
        found: Any = json.loads(self.cluster.kubectl("get", kind, "-n", NAMESPACE, "-o", "json").stdout)
        return {item["metadata"]["name"]: item for item in found["items"]}

    def edgefleet(self, *arguments: str) -> str:
        """Run the command line as an administrator of this cluster."""
        access = self.cluster.kubectl.cluster
        where = [f"--kubeconfig={access.kubeconfig}", f"--context={access.context}"]
        done = subprocess.run(
            [EDGEFLEET, *arguments, *where], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
