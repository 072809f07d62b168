"""A whole cluster on this machine: network, control plane, nodes, images, add-ons; started, looked at and removed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from edgefleet_devcluster import addons, images, paths, requirements
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.census import Census
from edgefleet_devcluster.control_plane import snapshots
from edgefleet_devcluster.control_plane.place import HERE, Place
from edgefleet_devcluster.control_plane.plane import ControlPlane
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import store
from edgefleet_devcluster.kubectl import Kubectl
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.node import disk
from edgefleet_devcluster.node.cgroups import ControlGroups
from edgefleet_devcluster.node.config import NODES, NodeSpec
from edgefleet_devcluster.node.machine import COMPONENTS, Node, Surroundings
from edgefleet_devcluster.pki import write_private
from edgefleet_devcluster.progress import Heartbeat, Say, to_stderr
from edgefleet_devcluster.segment import CONTROL_PLANE, Segment, Subnet
from edgefleet_devcluster.status import ClusterStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOCK_SECONDS = 900.0
_SAY_EVERY_SECONDS = 5.0
_READY_SECONDS = 120.0
_POLL_SECONDS = 0.2
_LOADERS = 2
_PAUSE = "pause"
_PLATFORM = "platform"


@dataclass
class Cluster:
    """A cluster in one directory; what it stores survives `stop` and `start`, as machines' disks do.

    Args:
        name: Its name, also of its context.
        directory: Its state. Not to be shared between machines.
        fsync: Whether stored means on the disk; without it tests run faster.
        flux: Whether Flux and the Git server run.
        specs: Its nodes; the first one is the platform, where the cluster's own pods run.
        say: Where progress goes.
    """

    name: str
    directory: Path
    fsync: bool = True
    flux: bool = True
    specs: tuple[NodeSpec, ...] = NODES
    say: Say = field(default=to_stderr, repr=False)
    _control_planes: dict[Place, ControlPlane] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the directory absolute: the programs run inside it."""
        self.directory = self.directory.absolute()

    def __enter__(self) -> Self:
        """Start it tied to this process."""
        self.start(detach=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @cached_property
    def segment(self) -> Segment:
        """Its network."""
        return Segment(self.name, tuple(spec.name for spec in self.specs), self.directory)

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Its nodes by name."""
        return {spec.name: Node(spec, number, self.name, self.directory) for number, spec in enumerate(self.specs)}

    @property
    def control_plane(self) -> ControlPlane:
        """Its control plane, which runs in the cluster's network if there is one."""
        subnet = self.segment.subnet()
        place = Place(subnet.control_plane, self.segment.path(CONTROL_PLANE)) if subnet else HERE
        # The same one as long as it is in the same place: it may have children of ours to wait for.
        if place not in self._control_planes:
            folder = self.directory / "control-plane"
            self._control_planes[place] = ControlPlane(
                self.name, folder, fsync=self.fsync, controllers=("*",), place=place, say=self.say
            )
        return self._control_planes[place]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.control_plane.kubeconfig

    @property
    def kubectl(self) -> Kubectl:
        """Runs kubectl as the administrator."""
        return Kubectl(build.ensure(["kubectl"], say=self.say)["kubectl"], self.kubeconfig)

    @property
    def census(self) -> Census:
        """What Kubernetes knows of its nodes and pods."""
        plane = self.control_plane
        return Census(plane.address, plane.credentials)

    def start(self, *, detach: bool = True) -> bool:
        """Start what is missing, mend what is not as it should be; return False if all was well.

        Args:
            detach: Whether it outlives this process.

        Raises:
            DevclusterError: It could not start. What runs stays for a look at it; `start` goes on from there, `stop`
                removes it.
        """
        requirements.check(self.directory)
        started = Heartbeat(self.say, _SAY_EVERY_SECONDS)
        binaries = build.ensure([*COMPONENTS, "kubectl"], say=self.say)
        wanted = images.ensure([_PAUSE, *addons.image_names(flux=self.flux)], say=self.say)
        with self._locked("up"):
            self.segment.check_owner()
            self._claim_directory()
            subnet, changed = self._connect()
            changed |= self.control_plane.start(detach=detach)
            since = time.time()
            self._prepare_disks(wanted)
            fresh = self._start_nodes(subnet, binaries, wanted, detach=detach)
            self._load(wanted)
            self._await_nodes(started, fresh, since)
            changed |= addons.install(self.kubectl, wanted, flux=self.flux, say=self.say)
            self._await_pods(started, fresh, since)
        if changed or fresh:
            self.say(f"{self.name}: ready in {started.elapsed:.1f} s")
        return changed or bool(fresh)

    def stop(self) -> bool:
        """End all that runs of it and remove all it made on this machine but its data; False if there was nothing."""
        if not self.directory.exists() and not self.remains():
            return False
        with self._locked("down"):
            self.segment.check_owner()
            return self._clear()

    def delete(self) -> None:
        """Stop it and remove its data."""
        if not self.directory.exists():
            return
        with self._locked("delete"):
            self.segment.check_owner()
            self._claim_directory()
            self._clear()
            shutil.rmtree(self.directory)

    def status(self) -> ClusterStatus:
        """Look at it."""
        connected = self.segment.subnet() is not None
        return ClusterStatus.of(self.control_plane, self.nodes.values(), self.census, connected=connected)

    def save(self, file: Path) -> None:
        """Write all that Kubernetes stores to ``file``, while the cluster runs."""
        with self._locked("snapshot"):
            snapshots.save(self.control_plane, file)

    def restore(self, file: Path, *, detach: bool = True) -> None:
        """Put back what `save` wrote, and start the control plane on it; nodes and what runs on them stay.

        Raises:
            DevclusterError: The cluster does not run, or the file is no sound snapshot.
        """
        with self._locked("restore"):
            if self.segment.subnet() is None:
                raise DevclusterError(f"{self.name} does not run: `devcluster up --name {self.name}` first")
            plane = self.control_plane
            snapshots.restore(plane, file)
            plane.start(detach=detach)

    def remains(self) -> list[str]:
        """Name what is on this machine of it: processes, interfaces, namespaces, control groups."""
        groups = ControlGroups()
        return [
            *(f"program {name}" for name, identity in self.control_plane.status().programs.items() if identity),
            *(f"node {node.name}" for node in self.nodes.values() if node.program.identity),
            *(f"interface {link}" for link in self.segment.left_links()),
            *(f"network namespace {name}" for name in self.segment.left_namespaces()),
            *(f"control group {folder}" for folder in groups.folders(self._group) if folder.exists()),
        ]

    @property
    def _group(self) -> str:
        return f"edgefleet-{self.name}"

    def _claim_directory(self) -> None:
        """Make sure that the directory is ours: `delete` removes all that is in it."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self.directory.iterdir()) and not self._subnet_file.exists():
            raise DevclusterError(f"{self.directory} is not empty and holds no cluster: choose another directory")

    @property
    def _subnet_file(self) -> Path:
        return self.directory / "subnet"

    @contextmanager
    def _locked(self, purpose: str) -> Iterator[None]:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        # Beside the directory: whoever deletes the directory must still hold the lock.
        lock = self.directory.with_name(f".{self.directory.name}.lock")
        with exclusive(lock, purpose=f"{purpose} {self.name}", say=self.say, timeout=_LOCK_SECONDS):
            yield

    def _connect(self) -> tuple[Subnet, bool]:
        """Return the network, made anew if it is not complete; what ran in an incomplete one ends first."""
        if subnet := self.segment.subnet():
            return subnet, False
        if left := self.remains():
            self.say(f"{self.name}: ending what is left of an earlier run: {', '.join(left)}")
        self._clear()
        text = self._subnet_file.read_text().strip() if self._subnet_file.exists() else ""
        self._subnet_file.touch()
        subnet = self.segment.create(int(text) if text.isdigit() else 0)
        write_private(self._subnet_file, f"{subnet.number}\n".encode())
        return subnet, True

    def _clear(self) -> bool:
        left = self.remains()
        for node in self.nodes.values():
            node.stop()
        self.control_plane.stop()
        # Whose pid file is gone, because somebody removed the directory of a cluster that ran.
        for pid in self.segment.processes() | ControlGroups().processes(self._group):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.segment.delete()
        ControlGroups().delete(self._group)
        return bool(left)

    def _start_nodes(
        self, subnet: Subnet, binaries: dict[str, Path], wanted: dict[str, images.Image], *, detach: bool
    ) -> list[Node]:
        """Start the nodes that need it and return them."""
        plane, fresh = self.control_plane, list[Node]()
        for node in self.nodes.values():
            around = Surroundings(
                credentials=plane.credentials,
                server=plane.server,
                address=subnet.node(node.number),
                namespace=self.segment.path(node.name),
                binaries=binaries,
                pause_image=wanted[_PAUSE].reference,
            )
            if node.start(around, detach=detach):
                fresh.append(node)
        return fresh

    def _prepare_disks(self, wanted: dict[str, images.Image]) -> None:
        for node in self.nodes.values():
            disk.provide(node.images, self._images_of(node, wanted), paths.disks_dir(), self.say)

    def _images_of(self, node: Node, wanted: dict[str, images.Image]) -> list[images.Image]:
        roles = (_PLATFORM,) if node.number == 0 else ()
        return [image for image in wanted.values() if image.belongs_on(node.name, roles)]

    def _load(self, wanted: dict[str, images.Image]) -> None:
        """Bring every image to the nodes that may need it, node by node side by side."""

        def load(node: Node) -> None:
            node.await_containerd()
            chosen = self._images_of(node, wanted)
            for image in chosen:
                store.load(image, node.socket, say=self.say)
            store.prune([image.reference for image in chosen], node.socket)

        with ThreadPoolExecutor(_LOADERS) as pool:
            list(pool.map(load, self.nodes.values()))

    def _await_nodes(self, started: Heartbeat, fresh: list[Node], since: float) -> None:
        """Wait until all nodes are ready by their own word."""
        last = {node.name: since for node in fresh}
        self._await(
            started,
            "node",
            lambda: {
                name: trouble
                for node in self.nodes.values()
                for name, trouble in self.census.unready_nodes([node.name], since=int(last.get(node.name, 0))).items()
            },
        )

    def _await_pods(self, started: Heartbeat, fresh: list[Node], since: float) -> None:
        """Wait until the cluster's own pods run on nodes that were started: Kubernetes thinks they never ended."""
        names = [node.name for node in fresh]
        spaces = addons.namespaces(flux=self.flux)
        self._await(started, "pod", lambda: self.census.unsettled_pods(spaces, names, since=int(since)))

    def _await(self, started: Heartbeat, what: str, look: Callable[[], dict[str, str]]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                left = look()
            except OSError as error:
                left = {"kube-apiserver": str(error)}
            if not left:
                return
            if time.monotonic() > deadline:
                raise DevclusterError(
                    f"{self.name}: after {_READY_SECONDS:.0f} s not ready: {_listed(left)}; "
                    f"`devcluster logs --name {self.name}` shows more"
                )
            line = f"{self.name}: {started.elapsed:.0f} s, waiting for {what} {_listed(left)}"
            started.beat(lambda line=line: line)
            time.sleep(_POLL_SECONDS)


def _listed(troubles: dict[str, str]) -> str:
    return "; ".join(f"{name} ({trouble[:200]})" for name, trouble in sorted(troubles.items()))
