"""The cluster that the demo runs on: devcluster's own, or the one that EDGEFLEET_CONTEXT names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgefleet_demo.errors import DemoError
from edgefleet_devcluster.addons import gitops, gitserver
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.chosen import ChosenCluster
from edgefleet_devcluster.cluster import Cluster
from edgefleet_devcluster.images import store
from edgefleet_devcluster.kubectl import Kubectl
from edgefleet_devcluster.paths import cluster_dir
from edgefleet_devcluster.pki import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgefleet_devcluster.images import Image
    from edgefleet_devcluster.progress import Say

REPOSITORY: Final = "fleet"
"""Of the cluster's Git server."""
ENTRY: Final = "clusters/demo"
"""What of it Flux begins with."""
PLATFORM_LABEL: Final = "node-role.edgefleet.io/platform"
"""Of the node that the cluster's own pods and the platform's run on."""
_SECONDS: Final = 60.0
_EDGEFLEET_SECONDS: Final = 120.0
_FORGET_SECONDS: Final = 60.0
FLEET: Final = "fleet"
"""The namespace of the fleet's objects."""


@dataclass(frozen=True)
class Target:
    """A cluster that runs."""

    kubeconfig: Path
    """Complete in itself, its context selected."""
    context: str
    machine: Cluster | None
    """None for the user's, which is never started or stopped."""

    @cached_property
    def kubectl(self) -> Kubectl:
        """Runs kubectl on it."""
        return Kubectl(build.ensure(["kubectl"])["kubectl"], self.kubeconfig)

    def helm(self, *arguments: str, seconds: float) -> str:
        """Run helm on it and return what it printed.

        Raises:
            DemoError: It failed, with its words, or what it waits for took longer than ``seconds``.
        """
        command = [str(build.ensure(["helm"])["helm"]), *arguments, f"--timeout={seconds:.0f}s"]
        environment = self.kubectl.environment
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, timeout=2 * seconds
            )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"helm {arguments[0]}: no end after {2 * seconds:.0f} s") from error
        if done.returncode != 0:
            raise DemoError(f"helm {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def edgefleet(self, *arguments: str) -> str:
        """Run a verb of `edgefleet` that works on a cluster, on this one; return what it printed.

        Raises:
            DemoError: It failed, with its words.
        """
        return run_edgefleet(*arguments, f"--kubeconfig={self.kubeconfig}", f"--context={self.context}")

    @cached_property
    def identity(self) -> str:
        """What tells this cluster from one made anew under the same name."""
        return self.kubectl("get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}").stdout

    @cached_property
    def address(self) -> str:
        """An address of a node, by which this machine reaches NodePorts: the platform node's if there is one.

        Raises:
            DemoError: The nodes have no addresses.
        """
        nodes: list[dict[str, Any]] = json.loads(self.kubectl("get", "nodes", "--output=json").stdout)["items"]
        nodes.sort(key=lambda node: PLATFORM_LABEL not in node["metadata"]["labels"])
        for node in nodes:
            for entry in node["status"].get("addresses") or ():
                if entry["type"] == "InternalIP":
                    return entry["address"]
        raise DemoError(f"no node of {self.context} has an InternalIP: `kubectl get nodes -o wide`")

    def load(self, images: Iterable[Image], say: Say) -> None:
        """Bring images onto the nodes that may need them."""
        if self.machine is None:
            chosen = ChosenCluster(self.context)
            for image in images:
                chosen.load(image.archive)
            return
        for node in self.machine.nodes.values():
            roles = ("platform",) if node.number == 0 else ()
            wanted = [image for image in images if image.belongs_on(node.name, roles)]
            for image in wanted:
                if store.load(image, node.socket, say=say):
                    say(f"{node.name}: loaded {image.name}")
            if wanted:
                store.prune([image.reference for image in wanted], node.socket)

    def git_server(self) -> tuple[str, dict[str, str]]:
        """Return the URL of the fleet's repository, and the environment in which git may push there.

        Raises:
            DemoError: The cluster has no Git server of ours.
        """
        credentials = gitserver.Credentials.find(self.kubectl)
        if credentials is None:
            raise DemoError(
                f"{self.context} has neither Flux nor the Git server that tells it of pushes; `devcluster up` makes a "
                "cluster with both: unset EDGEFLEET_CONTEXT"
            )
        remote = gitserver.remote(self.address, REPOSITORY)
        return remote, credentials.environment(remote)

    def watch_repository(self) -> None:
        """Have Flux apply the demo's entry of the fleet's repository."""
        objects = gitops.watch(REPOSITORY, f"./{ENTRY}", name="demo")
        self.kubectl("apply", "--server-side", "--filename=-", stdin=objects)

    def forget_repository(self) -> None:
        """Have Flux remove what it applied, and the namespace with it; the repository stays."""
        flux = f"--namespace={gitops.NAMESPACE}"
        waiting = f"--timeout={_FORGET_SECONDS:.0f}s"
        # The outermost first: it would apply the others again.
        for name in ("demo", "rings", "training", "fleet"):
            found = ("kustomization", name, flux, "--ignore-not-found", waiting)
            self.kubectl("delete", *found, check=False, timeout=2 * _FORGET_SECONDS)
        self.kubectl("delete", "gitrepository", REPOSITORY, flux, "--ignore-not-found", check=False)
        self.kubectl(
            "delete", "namespace", FLEET, "--ignore-not-found", waiting, check=False, timeout=2 * _FORGET_SECONDS
        )


def run_edgefleet(*arguments: str) -> str:
    """Run `edgefleet`, as installed beside this program; return what it printed.

    Raises:
        DemoError: It failed, with its words.
    """
    command = [str(Path(sys.executable).with_name("edgefleet")), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_EDGEFLEET_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"edgefleet {' '.join(arguments[:2])}: no end after {_EDGEFLEET_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise DemoError(done.stderr.strip() or done.stdout.strip() or f"edgefleet {' '.join(arguments[:2])} failed")
    return done.stdout


def own(name: str) -> Cluster:
    """Return devcluster's cluster of a name, whether it runs or not."""
    return Cluster(name, cluster_dir(name))


def start(name: str, folder: Path, say: Say) -> Target:
    """Return a cluster that runs, started or mended if it is our own.

    Args:
        name: Of our own cluster.
        folder: Where to write what the user's kubeconfig says of a chosen one.
        say: Where progress goes.

    Raises:
        DevclusterError: It could not start, or the chosen one does not answer.
    """
    if chosen := ChosenCluster.find():
        chosen.check()
        return Target(_write_kubeconfig(chosen.context, folder), chosen.context, None)
    cluster = own(name)
    cluster.say = say
    cluster.start()
    return Target(cluster.kubeconfig, cluster.control_plane.context, cluster)


def _write_kubeconfig(context: str, folder: Path) -> Path:
    """Write a context's part of the user's kubeconfig: what the user selects later does not reach the demo."""
    view = ["config", "view", "--raw", "--minify", "--flatten", "--output=json", f"--context={context}"]
    binary = str(build.ensure(["kubectl"])["kubectl"])
    done = subprocess.run([binary, *view], capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        raise DemoError(f"the kubeconfig has no usable context {context!r}: {done.stderr.strip()}")
    content = json.loads(done.stdout) | {"current-context": context}
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / "kubeconfig", json.dumps(content).encode())
    return folder / "kubeconfig"


def is_own() -> bool:
    """Whether the demo runs on devcluster's own cluster."""
    return not os.environ.get("EDGEFLEET_CONTEXT")
