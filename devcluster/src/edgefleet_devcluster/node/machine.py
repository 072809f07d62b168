"""A node: its files, and the one process on this machine that holds all of it."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster import installed, kubeconfig
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.network import POD_RANGE
from edgefleet_devcluster.node import config
from edgefleet_devcluster.node.cgroups import ControlGroups
from edgefleet_devcluster.node.config import BINARIES, CONFIG, CONTAINERD_SOCKET, VOLUMES
from edgefleet_devcluster.node.init import Spec, Task
from edgefleet_devcluster.pki import Authority, Subject, write_private
from edgefleet_devcluster.processes import Program, python_module, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgefleet_devcluster.control_plane.credentials import Credentials
    from edgefleet_devcluster.node.config import NodeSpec

KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"
COMPONENTS = (KUBELET, KUBE_PROXY)
_GRACE_SECONDS = 4.0
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_DATA = {"containerd": "/var/lib/containerd", "kubelet": "/var/lib/kubelet", "volumes": VOLUMES, "logs": "/var/log"}
"""Folder of the node's state -> where the node sees it."""
_SYSTEM_GROUP = "system"


@dataclass(frozen=True)
class Surroundings:
    """What a node finds when it starts."""

    credentials: Credentials
    server: str
    """The API server's URL."""
    address: str
    """The node's own."""
    namespace: Path
    """The file of its network namespace."""
    binaries: Mapping[str, Path]
    pause_image: str


@dataclass
class Node:
    """One node of a cluster, in a folder; what it stores survives stop and start, as a machine's disk does."""

    spec: NodeSpec
    number: int
    cluster: str
    directory: Path
    """The cluster's."""
    groups: ControlGroups = field(default_factory=ControlGroups)

    @cached_property
    def program(self) -> Program:
        """The process that holds the node."""
        return Program(self.spec.name, self.directory)

    @property
    def name(self) -> str:
        """Its name in Kubernetes."""
        return self.spec.name

    @property
    def folder(self) -> Path:
        """Its disk."""
        return self.directory / "nodes" / self.name

    @property
    def group(self) -> str:
        """Its control group."""
        return f"edgefleet-{self.cluster}/{self.name}"

    @property
    def images(self) -> Path:
        """Where its containerd keeps images, as this machine sees it."""
        return self.folder / "containerd"

    def log(self, task: str) -> Path:
        """Return the log of one of its programs."""
        return self.folder / "log" / f"{task}.log"

    @property
    def init(self) -> int:
        """The number, on this machine, of the node's first process; 0 while it does not run."""
        holder = self.program.identity
        if holder is None:
            return 0
        try:
            children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        except OSError:
            return 0
        return int(children[0]) if children else 0

    @property
    def socket(self) -> Path:
        """The socket of its containerd, as this machine reaches it.

        Raises:
            DevclusterError: The node does not run.
        """
        return Path(f"/proc/{self._running_init()}/root{CONTAINERD_SOCKET}")

    def await_containerd(self) -> None:
        """Wait until its containerd answers.

        Raises:
            DevclusterError: It does not in time, with the last words of the node.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not (self.init and self.socket.exists()):
            self.program.check()
            if time.monotonic() > deadline:
                raise DevclusterError(
                    f"containerd of {self.name} does not start; the last lines of {self.log('containerd')}:\n"
                    f"{tail(self.log('containerd'))}"
                )
            time.sleep(_POLL_SECONDS)

    def inside(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs ``command`` inside the node.

        Raises:
            DevclusterError: The node does not run.
        """
        return ["nsenter", "--target", str(self._running_init()), "--mount", "--net", "--pid", "--uts", "--", *command]

    def _running_init(self) -> int:
        if init := self.init:
            return init
        raise DevclusterError(f"{self.name} does not run: `devcluster up --name {self.cluster}` starts it")

    def start(self, around: Surroundings, *, detach: bool) -> bool:
        """Start it, or start it anew if it is not as it should be; return False if there was nothing to do.

        Raises:
            DevclusterError: A program it needs is not installed, or it ended at once.
        """
        spec = self._spec(around)
        content = self._configuration(around)
        fingerprint = _digest([asdict(spec), content])
        mark = self.folder / "fingerprint"
        if self.init and mark.exists() and mark.read_text() == fingerprint:
            return False
        self.stop()
        self.groups.delete(self.group)
        mark.unlink(missing_ok=True)
        for place in (*_DATA, "log", "etc/cni"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        self._write_identity(around)
        for name, text in content.items():
            write_private(self.folder / "etc" / name, text.encode())
        self.groups.create(f"{self.group}/{_SYSTEM_GROUP}")
        for task in ("containerd", KUBELET, KUBE_PROXY):
            if self.log(task).exists():
                self.log(task).replace(self.log(task).with_suffix(".log.1"))
        file = self.folder / "init.json"
        spec.write(file)
        # Its own namespaces for all but the network, which exists already. It never outlives its holder.
        holder = [
            installed.locate("unshare"),
            "--mount",
            "--propagation=slave",
            "--uts",
            "--pid",
            "--fork",
            "--kill-child=KILL",
        ]
        command = [*holder, *python_module("edgefleet_devcluster.node.init", str(file))]
        self.program.start(command, detach=detach, namespace=around.namespace)
        mark.write_text(fingerprint)
        return True

    def stop(self) -> None:
        """End it with all that runs on it; its control group stays, empty."""
        self.program.stop(_GRACE_SECONDS)

    def _configuration(self, around: Surroundings) -> dict[str, str]:
        return {
            "containerd.toml": config.containerd(around.pause_image),
            "cni/pods.conflist": config.pod_network(self.number),
            "kubelet.yaml": config.kubelet(self.spec, cgroup=self.group),
            "kube-proxy.yaml": config.kube_proxy(self.spec),
            "resolv.conf": _resolvers(),
        }

    def _write_identity(self, around: Surroundings) -> None:
        etc = self.folder / "etc"
        authority = Authority(around.credentials.authority.certificate.parent)
        own = authority.issue(
            self.name,
            Subject(f"system:node:{self.name}", groups=("system:nodes",), hosts=(self.name, around.address)),
        )
        proxy = authority.issue("kube-proxy", Subject("system:kube-proxy"))
        for pair, name in ((own, KUBELET), (proxy, KUBE_PROXY)):
            kubeconfig.write(
                etc / f"{name}.kubeconfig",
                server=around.server,
                context="devcluster",
                authority=around.credentials.authority,
                client=pair,
            )
        files = {
            "ca.crt": around.credentials.authority.certificate.read_text(),
            "node.crt": own.certificate.read_text(),
            "node.key": own.key.read_text(),
        }
        for name, content in files.items():
            write_private(etc / name, content.encode())

    def _spec(self, around: Surroundings) -> Spec:
        binds = {str(self.folder / outside): inside for outside, inside in _DATA.items()}
        binds[str(self.folder / "etc")] = CONFIG
        binds |= {str(around.binaries[name]): f"{BINARIES}/{name}" for name in COMPONENTS}
        labels = ",".join(f"{key}={value}" for key, value in self.spec.labels.items())
        leaving = [installed.locate("iptables"), "--wait", "-t", "nat", "-A", "POSTROUTING"]
        return Spec(
            hostname=self.name,
            cgroups=[str(folder) for folder in self.groups.folders(f"{self.group}/{_SYSTEM_GROUP}")],
            path=installed.PATH,
            binds=binds,
            sysctls={"net/ipv4/ip_forward": "1"},
            # Outside of the cluster nobody knows the way back to a pod.
            setup=[[*leaving, "-s", POD_RANGE, "!", "-d", POD_RANGE, "-j", "MASQUERADE"]],
            tasks=[
                self._task("containerd", [installed.locate("containerd"), f"--config={CONFIG}/containerd.toml"]),
                self._task(
                    KUBELET,
                    [
                        f"{BINARIES}/{KUBELET}",
                        f"--config={CONFIG}/kubelet.yaml",
                        f"--kubeconfig={CONFIG}/{KUBELET}.kubeconfig",
                        f"--node-ip={around.address}",
                        f"--node-labels={labels}",
                    ],
                ),
                self._task(KUBE_PROXY, [f"{BINARIES}/{KUBE_PROXY}", f"--config={CONFIG}/kube-proxy.yaml"]),
            ],
        )

    def _task(self, name: str, command: list[str]) -> Task:
        return Task(name, command, str(self.log(name)))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _resolvers() -> str:
    """Return the machine's resolv.conf as nodes can use it: a resolver on loopback is not theirs."""
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        servers = [line for line in lines if line.startswith("nameserver") and not line.split()[1].startswith("127.")]
        if servers:
            return "\n".join((*servers, ""))
    return ""
