"""etcd, kube-apiserver and a few controllers: a cluster without nodes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from edgefleet_devcluster import network
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.control_plane import commands, readiness
from edgefleet_devcluster.control_plane.credentials import Credentials
from edgefleet_devcluster.control_plane.place import HERE, Place
from edgefleet_devcluster.control_plane.readiness import Readiness
from edgefleet_devcluster.control_plane.settings import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER, Settings
from edgefleet_devcluster.control_plane.startup import Startup
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.processes import Program
from edgefleet_devcluster.progress import Heartbeat, Say, to_stderr

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from edgefleet_devcluster.processes import Identity

HOUSEKEEPING = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)
"""What even custom resources need: deleting namespaces, following owner references, default service accounts."""

_POLL_SECONDS = 0.05
_SAY_EVERY_SECONDS = 5.0
_LOCK_SECONDS = 180.0
_SETTLE_SECONDS = 10.0
# The API server drains for as long as a client keeps a connection busy; it has nothing to lose at a kill.
_GRACE_SECONDS = {SCHEDULER: 1.0, CONTROLLER_MANAGER: 2.0, API_SERVER: 2.0, ETCD: 5.0}


@dataclass(frozen=True)
class Status:
    """What runs of a control plane and whether it serves."""

    programs: dict[str, Identity | None]
    readiness: Readiness

    @property
    def running(self) -> bool:
        """Whether anything of it runs."""
        return any(self.programs.values())

    @property
    def complete(self) -> bool:
        """Whether all of it runs."""
        return all(self.programs.values())

    @property
    def ready(self) -> bool:
        """Whether all of it runs and the API server answers that it is ready."""
        return self.complete and self.readiness.ready


@dataclass
class ControlPlane:
    """A control plane on this machine, in one directory; what it stores survives stop and start.

    Started attached, the kernel ends it together with the thread that started it, even at kill -9. Started detached,
    it runs until `stop`, from whatever process that is called.

    Args:
        name: Its name, also of its context.
        directory: Its state: certificates, logs, data. Not to be shared between machines.
        port: The API server's port; 0 for the last one used or any free one.
        fsync: Whether stored means on the disk; without it tests run faster.
        controllers: The controllers of the controller manager; none: it is not started.
        place: Where it runs.
        say: Where progress goes.
    """

    name: str
    directory: Path
    port: int = 0
    fsync: bool = True
    controllers: tuple[str, ...] = HOUSEKEEPING
    place: Place = HERE
    say: Say = field(default=to_stderr, repr=False)

    def __post_init__(self) -> None:
        """Keep the directory absolute: the programs run inside it."""
        self.directory = self.directory.absolute()

    def __enter__(self) -> Self:
        """Start it attached."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @cached_property
    def _programs(self) -> dict[str, Program]:
        """All programs there may be, in the order of starting."""
        names = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER)
        return {name: Program(name, self.directory) for name in names}

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "admin.kubeconfig"

    @property
    def context(self) -> str:
        """The context in its kubeconfig."""
        return f"devcluster-{self.name}"

    @property
    def address(self) -> tuple[str, int]:
        """The API server's host and port."""
        return self.place.address, self._settings.port

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.place.address}:{self._settings.port}"

    @property
    def credentials(self) -> Credentials:
        """The certificates of its programs and users, there once it was started."""
        return Credentials.at(self.directory / "pki")

    def start(self, *, detach: bool = False, timeout: float = 90.0) -> bool:
        """Start what is missing and wait until it serves; return False if it did already.

        Args:
            detach: Whether it outlives this process.
            timeout: Seconds until it must serve, not counting a build.

        Raises:
            DevclusterError: It could not start; nothing of it is left running.
        """
        self._claim_directory()
        with self._locked("start"):
            binaries = self._binaries()
            if self._settled(binaries):
                return False
            if left := self._running():
                self.say(f"{self.name}: ending what is left of an earlier run: {', '.join(left)}")
            try:
                self._stop_all()
                self._start_all(binaries, detach=detach, timeout=timeout)
            except BaseException:
                self._stop_all()
                raise
        return True

    def stop(self) -> bool:
        """Stop it, whoever started it; return False if nothing ran."""
        if not self.directory.exists():
            return False
        with self._locked("stop"):
            running = self._running()
            self._stop_all()
        return bool(running)

    def delete(self) -> None:
        """Stop it and remove all it stored.

        Raises:
            DevclusterError: The directory is not one of ours.
        """
        if not self.directory.exists():
            return
        self._claim_directory()
        with self._locked("delete"):
            self._stop_all()
            shutil.rmtree(self.directory, ignore_errors=True)

    def status(self) -> Status:
        """Look at its processes and ask its API server."""
        settings = self._settings
        found = {name: program.identity for name, program in self._programs.items()}
        programs = {name: identity for name, identity in found.items() if identity or name in settings.programs}
        if absent := [name for name, identity in programs.items() if not identity]:
            # Not asked: without etcd the API server takes its time to say so.
            return Status(programs, Readiness(ready=False, detail=f"not running: {', '.join(absent)}"))
        return Status(programs, self._readyz(settings.port))

    def _claim_directory(self) -> None:
        """Make the directory, or make sure that it is ours: `delete` removes all that is in it."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self.directory.iterdir()) and not self._lock_file.exists():
            raise DevclusterError(f"{self.directory} is not empty and holds no control plane: choose another directory")

    @property
    def _lock_file(self) -> Path:
        return self.directory / "lock"

    def _running(self) -> list[str]:
        return [name for name, program in self._programs.items() if program.identity]

    def _locked(self, purpose: str) -> AbstractContextManager[None]:
        return exclusive(self._lock_file, purpose=f"{purpose} {self.name}", say=self.say, timeout=_LOCK_SECONDS)

    def _binaries(self) -> dict[str, Path]:
        """Return the programs that are to run, after getting those that are missing."""
        unwanted = {CONTROLLER_MANAGER} if not self.controllers else set[str]()
        unwanted |= set() if self.place.has_nodes else {SCHEDULER}
        return build.ensure([name for name in self._programs if name not in unwanted], say=self.say)

    def _settled(self, binaries: dict[str, Path]) -> bool:
        """Whether these programs serve; ones that run but are too busy to answer get some time."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        # The kubeconfig is written last: without it the start was interrupted.
        while self.kubeconfig.exists() and (status := self.status()).complete:
            if any(identity and identity.program != str(binaries[name]) for name, identity in status.programs.items()):
                return False  # of another version
            if status.ready:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return False

    def _readyz(self, port: int) -> Readiness:
        return readiness.readyz(
            (self.place.address, port), authority=self.credentials.authority, client=self.credentials.admin
        )

    @property
    def _settings_file(self) -> Path:
        return self.directory / "settings.json"

    @property
    def _settings(self) -> Settings:
        return Settings.read(self._settings_file)

    def _start_all(self, binaries: dict[str, Path], *, detach: bool, timeout: float) -> None:
        address = self.place.address if self.place.has_nodes else network.host_address()
        self.kubeconfig.unlink(missing_ok=True)
        startup = Startup(
            programs=self._programs,
            binaries=binaries,
            directory=self.directory,
            credentials=Credentials.issue(self.directory / "pki", address=address),
            place=self.place,
            advertised=address,
            detach=detach,
            heartbeat=Heartbeat(self.say, _SAY_EVERY_SECONDS),
            timeout=timeout,
        )
        startup.etcd(fsync=self.fsync)
        port = startup.api_server(self.port, self._settings_file)
        if self.controllers:
            startup.controller_manager(port, self.controllers)
        if self.place.has_nodes:
            startup.scheduler(port)
        # Last: whoever finds the file can use it.
        startup.kubeconfig(self.kubeconfig, port=port, context=self.context, client=startup.credentials.admin)
        self.say(f"{self.name}: ready at {self.server} in {startup.heartbeat.elapsed:.1f} s")

    def _stop_all(self) -> None:
        # Backwards: whoever needs another goes first.
        for name, program in reversed(self._programs.items()):
            program.stop(_GRACE_SECONDS[name])
        for socket in (commands.ETCD_SOCKET, commands.ETCD_PEER_SOCKET):
            (self.directory / socket).unlink(missing_ok=True)
