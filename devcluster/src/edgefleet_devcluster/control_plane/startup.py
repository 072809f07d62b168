"""One start of a control plane: its programs in order, each awaited before the next needs it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster import kubeconfig, network
from edgefleet_devcluster.control_plane import commands, readiness
from edgefleet_devcluster.control_plane.readiness import Readiness
from edgefleet_devcluster.control_plane.settings import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER, Settings
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgefleet_devcluster.control_plane.credentials import Credentials
    from edgefleet_devcluster.control_plane.place import Place
    from edgefleet_devcluster.pki import Pair
    from edgefleet_devcluster.processes import Program
    from edgefleet_devcluster.progress import Heartbeat

_PORT_ATTEMPTS = 3
_POLL_SECONDS = 0.05
_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


class _PortTakenError(DevclusterError):
    """Somebody took the port in the moment between our letting go and the API server's binding."""


@dataclass(frozen=True)
class Startup:
    """What the steps of a start share."""

    programs: dict[str, Program]
    binaries: dict[str, Path]
    directory: Path
    credentials: Credentials
    place: Place
    advertised: str
    """The address under which pods reach the API server."""
    detach: bool
    heartbeat: Heartbeat
    timeout: float

    def etcd(self, *, fsync: bool) -> None:
        """Start etcd and wait for its socket."""
        socket = self.directory / commands.ETCD_SOCKET
        socket.unlink(missing_ok=True)  # left by a kill: it would look like an answer
        self._start(ETCD, commands.etcd(self.binaries[ETCD], fsync=fsync))
        self._await(ETCD, lambda: Readiness(ready=socket.exists(), detail=f"waiting for {socket}"))

    def api_server(self, port: int, settings_file: Path) -> int:
        """Start the API server and wait until it is ready; return its port.

        Args:
            port: The only port that will do; 0 for the last one or any.
            settings_file: Where the choice is kept.
        """
        if self.place.port:
            Settings(self.place.port, tuple(self.binaries)).write(settings_file)
            self._api_server_at(self.place.port)
            return self.place.port
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            preferred = port or Settings.read(settings_file).port
            with network.held_port(preferred, only=port != 0) as chosen:
                Settings(chosen, tuple(self.binaries)).write(settings_file)
            try:
                self._api_server_at(chosen)
            except _PortTakenError:
                if port or attempt == _PORT_ATTEMPTS:
                    raise
            else:
                return chosen
        raise AssertionError  # the last attempt returns or raises

    def controller_manager(self, port: int, controllers: tuple[str, ...]) -> None:
        """Start the controllers and wait for the first sign of their work."""
        user = self.directory / "controller-manager.kubeconfig"
        self.kubeconfig(user, port=port, context="devcluster", client=self.credentials.controller_manager)
        command = commands.kube_controller_manager(
            self.binaries[CONTROLLER_MANAGER], self.credentials, kubeconfig=user, controllers=controllers
        )
        self._start(CONTROLLER_MANAGER, command)
        # With nodes, the first pods show that it works.
        if not self.place.has_nodes and {"*", "serviceaccount-controller"} & set(controllers):
            self._await(CONTROLLER_MANAGER, lambda: self._default_account(port))

    def scheduler(self, port: int) -> None:
        """Start the scheduler; pods wait for it, nothing else does."""
        user = self.directory / "scheduler.kubeconfig"
        self.kubeconfig(user, port=port, context="devcluster", client=self.credentials.scheduler)
        self._start(SCHEDULER, commands.kube_scheduler(self.binaries[SCHEDULER], kubeconfig=user))

    def kubeconfig(self, path: Path, *, port: int, context: str, client: Pair) -> None:
        """Write the kubeconfig of one user of this API server."""
        server = f"https://{self.place.address}:{port}"
        kubeconfig.write(path, server=server, context=context, authority=self.credentials.authority, client=client)

    def _api_server_at(self, port: int) -> None:
        command = commands.kube_apiserver(
            self.binaries[API_SERVER], self.credentials, place=self.place, port=port, advertised=self.advertised
        )
        self._start(API_SERVER, command)
        try:
            self._await(
                API_SERVER,
                lambda: readiness.readyz(
                    (self.place.address, port), authority=self.credentials.authority, client=self.credentials.admin
                ),
            )
        except DevclusterError as error:
            if "address already in use" in str(error):
                raise _PortTakenError(*error.args) from error
            raise

    def _default_account(self, port: int) -> Readiness:
        found = readiness.exists(
            (self.place.address, port),
            _ACCOUNT,
            authority=self.credentials.authority,
            client=self.credentials.controller_manager,
        )
        return Readiness(ready=found, detail="waiting for the default service account")

    def _start(self, name: str, command: list[str]) -> None:
        self.programs[name].start(command, detach=self.detach, namespace=self.place.namespace)

    def _await(self, name: str, look: Callable[[], Readiness]) -> None:
        """Wait until ``name`` is ready, or raise: when it or a program before it ends, or time is over."""
        while True:
            for started in self.programs.values():
                if started.name in self.binaries:
                    started.check()
                if started.name == name:
                    break
            if (found := look()).ready:
                return
            if self.heartbeat.elapsed > self.timeout:
                program = self.programs[name]
                raise DevclusterError(
                    f"{name} is not ready after {self.timeout:.0f} s ({found.detail}); "
                    f"the last lines of {program.log}:\n{program.tail()}"
                )
            self.heartbeat.beat(lambda: f"{name}: {self.heartbeat.elapsed:.0f} s, {found.detail}")
            time.sleep(_POLL_SECONDS)
