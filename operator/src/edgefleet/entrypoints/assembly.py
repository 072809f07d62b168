"""Puts the operator together: settings, adapters, queues and controllers. Must not know kopf."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from edgefleet.adapters.kubernetes.client import KubernetesClient
from edgefleet.adapters.kubernetes.list_watch import ListWatch
from edgefleet.adapters.model_registry.client import ModelRegistry
from edgefleet.adapters.mqtt.gateway import MqttGateway
from edgefleet.adapters.tls import TlsFiles
from edgefleet.contracts.keys import SigningKey, TrustedKeys, VerifyKey, trust
from edgefleet.controllers.classes import ClassBook
from edgefleet.controllers.fleet.commands import CommandBook
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.fleet.reconciler import FleetReconciler
from edgefleet.controllers.fleet.twins import Declared
from edgefleet.controllers.ports import World
from edgefleet.controllers.verification import Verifier
from edgefleet.controllers.version_reconciler import VersionKey, VersionReconciler
from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.events import EventRecorder
from edgefleet.runtime.kinds import EDGE_DEVICES, MODEL_VERSIONS, ROLLOUT_RINGS
from edgefleet.runtime.status_writer import StatusWriter
from edgefleet.runtime.work_queue import WorkQueue

_LOG: Final = logging.getLogger(__name__)
CLIENT_ID: Final = "edgefleet:operator"
_RESYNC_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 5.0
COMMANDS_PER_MINUTE: Final = 6000
"""In each namespace, unless set: a hundred a second."""
_COMMANDS_MAX: Final = 1_000_000
_WATCH_STALE: Final = 180.0
"""Seconds without a byte from the API server: bookmarks come about once a minute."""
_PASS_STALE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is.

    Attributes:
        broker: (host, port).
        registry: URL.
        tls: folder with ca.crt, tls.crt and tls.key.
        assignment_key: PEM file.
        release_keys: folder of PEM files.
        probe_port: of the liveness probe.
        commands_per_minute: to devices, in each namespace.
    """

    broker: tuple[str, int]
    registry: str
    tls: Path
    assignment_key: Path
    release_keys: Path
    probe_port: int = 8080
    commands_per_minute: int = COMMANDS_PER_MINUTE

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads EDGEFLEET_* variables.

        Raises:
            ValueError: names the variable that is missing or wrong.
        """
        missing = [name for name in ("EDGEFLEET_BROKER", "EDGEFLEET_REGISTRY") if not environment.get(name)]
        if missing:
            raise ValueError(f"{missing[0]} is not set")
        host, _, port = environment["EDGEFLEET_BROKER"].rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("EDGEFLEET_BROKER must be host:port")
        rate = environment.get("EDGEFLEET_COMMANDS_PER_MINUTE", str(COMMANDS_PER_MINUTE))
        if not (rate.isascii() and rate.isdigit() and 1 <= int(rate) <= _COMMANDS_MAX):
            raise ValueError(f"EDGEFLEET_COMMANDS_PER_MINUTE must be a whole number from 1 to {_COMMANDS_MAX}")
        base = Path("/etc/edgefleet")
        return cls(
            broker=(host, int(port)),
            registry=environment["EDGEFLEET_REGISTRY"],
            tls=Path(environment.get("EDGEFLEET_TLS", base / "tls")),
            assignment_key=Path(environment.get("EDGEFLEET_ASSIGNMENT_KEY", base / "assignment" / "assignment.key")),
            release_keys=Path(environment.get("EDGEFLEET_RELEASE_KEYS", base / "release-keys")),
            probe_port=int(environment.get("EDGEFLEET_PROBE_PORT", "8080")),
            commands_per_minute=int(rate),
        )


def read_release_keys(folder: Path) -> TrustedKeys:
    """Returns the trusted release keys.

    Raises:
        ValueError: names the file that is no EC public key.
    """
    keys: list[VerifyKey] = []
    for path in sorted(folder.glob("*.pem")):
        try:
            keys.append(VerifyKey.from_pem(path.read_bytes()))
        except ValueError as problem:
            raise ValueError(f"{path.name}: {problem}") from None
    return trust(keys)


async def _connect() -> KubernetesClient:
    """Connects as this pod does, or, outside of a cluster, as the kubeconfig says."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return await KubernetesClient.in_cluster()
    return await KubernetesClient.from_kubeconfig(_find_kubeconfig())


def _find_kubeconfig() -> Path:
    return Path(os.environ.get("KUBECONFIG", "~/.kube/config")).expanduser()


class Operator:
    """The running operator: `run` until cancelled or until it must not go on."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; everything else begins in `run`.

        Args:
            settings: where everything is.
        """
        self._settings = settings
        self._fleet: WorkQueue[str]
        self._versions: WorkQueue[VersionKey]
        self._devices: ListWatch[Declared] | None = None
        self._seen: set[VersionKey] = set()

    def wake_fleet(self, namespace: str) -> None:
        """Asks for a pass over a namespace."""
        if self._devices is not None:
            self._fleet.add(namespace)

    def wake_version(self, namespace: str, name: str) -> None:
        """Asks for a look at a version."""
        if self._devices is not None:
            self._seen.add((namespace, name))
            self._versions.add((namespace, name))

    def wake_namespace(self, namespace: str) -> None:
        """Asks for a look at everything in a namespace: its device classes changed."""
        for where, name in sorted(self._seen):
            if where == namespace:
                self.wake_version(where, name)
        self.wake_fleet(namespace)

    def find_stale(self) -> str:
        """Returns what has stood still for too long, or an empty string. For the liveness probe."""
        if self._devices is None:
            return ""
        silent = asyncio.get_running_loop().time() - self._devices.last_heard
        if silent > _WATCH_STALE:
            return f"nothing was heard of the devices' watch for {silent:.0f} s"
        waiting = max(self._fleet.oldest_pending(), self._versions.oldest_pending())
        return f"a pass has waited for {waiting:.0f} s" if waiting > _PASS_STALE else ""

    async def run(self) -> None:
        """Runs everything.

        Raises:
            ValueError: a key file is wrong.
            SessionTakenOver: another operator has taken the broker's session: end this process.
        """
        settings = self._settings
        keys = read_release_keys(settings.release_keys)
        _LOG.info("trusting release keys %s", ", ".join(sorted(keys)) or "none: every version will be refused")
        tls = TlsFiles.in_folder(settings.tls)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(await _connect())
            registry = await stack.enter_async_context(
                ModelRegistry(settings.registry, ca=tls.ca, client_cert=tls.cert, client_key=tls.key)
            )
            await self._run(client, Verifier(keys, registry), tls)

    async def _run(self, client: KubernetesClient, verifier: Verifier, tls: TlsFiles) -> None:
        book = CommandBook([SigningKey.from_pem(self._settings.assignment_key.read_bytes())])
        engine = FleetEngine(book, self.wake_fleet, time.time)
        gateway = MqttGateway(*self._settings.broker, tls=tls, client_id=CLIENT_ID, listener=engine)
        statuses = StatusWriter(client.replace_status)
        events = EventRecorder(client.create, instance=os.environ.get("HOSTNAME", "edgefleet-operator"))
        world = World(client, gateway, statuses, events, time.time)
        classes = ClassBook()
        passes = FleetReconciler(
            world,
            engine,
            classes,
            wake_at=self._wake_fleet_at,
            wake_version=self.wake_version,
            rate_per_minute=self._settings.commands_per_minute,
        )
        looks = VersionReconciler(
            world, engine, verifier, classes, wake_fleet=self.wake_fleet, wake_at=self._wake_version_at
        )
        self._fleet = WorkQueue("fleet", passes.reconcile)
        self._versions = WorkQueue("versions", looks.reconcile)
        self._devices = ListWatch(client, EDGE_DEVICES, project=Declared.read)
        async with asyncio.TaskGroup() as group, aclosing(self._devices.changes()) as changes:
            group.create_task(statuses.run())
            group.create_task(events.run())
            group.create_task(self._fleet.run())
            group.create_task(self._versions.run())
            group.create_task(gateway.run())
            group.create_task(self._resync(client))
            await engine.follow(changes)

    def _wake_fleet_at(self, namespace: str, at: float) -> None:
        self._fleet.add_after(namespace, max(0.0, at - time.time()))

    def _wake_version_at(self, key: VersionKey, at: float) -> None:
        self._versions.add_after(key, max(0.0, at - time.time()))

    async def _resync(self, client: KubernetesClient) -> None:
        """Looks at everything once a minute: watches miss deletions across an interruption."""
        while True:
            try:
                versions, rings = await client.list(MODEL_VERSIONS), await client.list(ROLLOUT_RINGS)
            except ApiError as problem:
                # An API server that is away for a while is no reason to end: the next look finds what there is.
                _LOG.warning("cannot look at everything: %s", problem)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._seen = {(version["metadata"]["namespace"], version["metadata"]["name"]) for version in versions}
            for namespace, name in sorted(self._seen):
                self.wake_version(namespace, name)
            for namespace in {ring["metadata"]["namespace"] for ring in rings}:
                self.wake_fleet(namespace)
            await asyncio.sleep(_RESYNC_SECONDS)
