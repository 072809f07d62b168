"""The operator's controllers on an API server, a broker and boards in memory: for tests of what ends up where."""

from __future__ import annotations

import copy
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.codec import decode
from edgefleet.contracts.envelope import Envelope
from edgefleet.contracts.keys import SigningKey, trust
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.contracts.reported import Capabilities, InstalledModel, Phase, Presence, Reported, SelfTest
from edgefleet.contracts.verdicts import DesiredContext, Seen, verify_desired
from edgefleet.controllers.classes import ClassBook
from edgefleet.controllers.fleet.commands import CommandBook
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.fleet.reconciler import FleetReconciler
from edgefleet.controllers.fleet.twins import Declared
from edgefleet.controllers.ports import World
from edgefleet.controllers.verification import Verifier
from edgefleet.controllers.version_reconciler import VersionReconciler
from edgefleet.publication.declaration import write_version
from edgefleet.publication.release import FeatureSchema, Release
from edgefleet.publication.sealing import SealedArtifact
from edgefleet.runtime.errors import NotConnected
from edgefleet.runtime.ports import BlobState, Delivery, Gone, Listed, Put
from support.signed_manifests import make_manifest, seal_manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from edgefleet.contracts.manifest import Manifest
    from edgefleet.runtime.events import Subject
    from edgefleet.runtime.kinds import Kind
    from edgefleet.runtime.ports import Change, Object
    from edgefleet.runtime.status_writer import Target

NAMESPACE: Final = "fleet"
MODEL: Final = "motor-anomaly"
KEY: Final = SigningKey(ec.generate_private_key(ec.SECP256R1()))
CLASS: Final = "runtime: tflm\ntransport: device\nslotBytes: 65536\narenaBytes: 16384\nops: [FULLY_CONNECTED]\n"


class Cluster:
    """The API server: objects by (plural, name), and how often each status was written."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.writes: list[tuple[str, str]] = []

    def apply(self, plural: str, document: Object) -> Object:
        """Store what Git declares; the status stays."""
        name = document["metadata"]["name"]
        before = self.objects.get((plural, name))
        stored = copy.deepcopy(document)
        stored["metadata"] |= {"namespace": NAMESPACE}
        stored["status"] = before["status"] if before else {"observedGeneration": -1}
        meta = before["metadata"] if before else {"uid": uuid.uuid4().hex, "generation": 0, "resourceVersion": "0"}
        changed = before is None or before.get("spec") != stored.get("spec")
        stored["metadata"] |= {"uid": meta["uid"], "generation": meta["generation"] + changed}
        stored["metadata"]["resourceVersion"] = str(int(meta["resourceVersion"]) + 1)
        self.objects[plural, name] = stored
        return stored

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        del namespace
        return copy.deepcopy(self.objects.get((kind.plural, name)))

    async def list(self, kind: Kind, namespace: str | None = None, *, label_selector: str = "") -> list[Object]:
        del namespace, label_selector
        return [copy.deepcopy(each) for (plural, _), each in self.objects.items() if plural == kind.plural]

    async def replace_status(
        self, kind: Kind, namespace: str, name: str, uid: str, status: dict[str, Any]
    ) -> Object | None:
        del namespace
        stored = self.objects.get((kind.plural, name))
        if stored is None or stored["metadata"]["uid"] != uid:
            return None
        self.writes.append((kind.plural, name))
        stored["status"] = copy.deepcopy(status)
        stored["metadata"]["resourceVersion"] = str(int(stored["metadata"]["resourceVersion"]) + 1)
        return copy.deepcopy(stored)


@dataclass
class Broker:
    """What the broker keeps for each device."""

    connected: bool = True
    away: bool = False
    """Takes nothing, although the session seems to stand."""
    kept: dict[str, bytes] = field(default_factory=dict)

    async def publish_desired(self, device_id: str, payload: bytes) -> Delivery:
        if self.away:
            raise NotConnected("away")
        self.kept[device_id] = payload
        return Delivery.DELIVERED


class Store:
    """The model registry holds everything."""

    async def check_blob(self, digest: str, size: int) -> BlobState:
        del digest, size
        return BlobState.OK

    async def check_manifest(self, digest: str, envelope: bytes) -> BlobState:
        del digest, envelope
        return BlobState.OK


@dataclass
class Board:
    """A device: obeys what the broker keeps for it.

    Attributes:
        faults: how it ends with a version, by version.
        deaf: reads nothing, though its session stands.
        told: (generation, manifest digest) of every command it accepted.
    """

    name: str
    manifests: dict[str, Manifest]
    faults: dict[str, tuple[Phase, Reason]] = field(default_factory=dict)
    deaf: bool = False
    told: list[tuple[int, str | None]] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    active: InstalledModel | None = None
    report: Reported | None = None
    seq: int = 0

    def hear(self, payload: bytes | None) -> Reported | None:
        """Obeys; returns what it says, None when there is nothing new."""
        if self.deaf or not payload:
            return None
        try:
            accepted = verify_desired(payload, DesiredContext(self.name, trust([KEY.public]), self.seen))
        except ContractError as problem:
            assert problem.reason is Reason.STALE_GENERATION  # noqa: PT017 - nothing else is ever sent
            return None
        if accepted.unchanged:
            return None
        self.seen, assignment = accepted.seen, accepted.assignment
        self.told.append((assignment.generation, assignment.manifest_digest))
        phase, reason = Phase.CONFIRMED, Reason.OK
        if assignment.manifest_digest is not None:
            manifest = self.manifests[assignment.manifest_digest]
            phase, reason = self.faults.get(manifest.version, (phase, reason))
            if phase is Phase.CONFIRMED:
                model, version, digest = manifest.model, manifest.version, manifest.sha256
                self.active = InstalledModel(
                    model=model, version=version, digest=digest, manifest_digest=assignment.manifest_digest, slot="a"
                )
        return self.say(phase, reason, assignment.generation, settings=assignment.settings)

    def say(self, phase: Phase, reason: Reason, generation: int, **other: Any) -> Reported:
        self.seq += 1
        fields: dict[str, Any] = {
            "device_id": self.name,
            "enrolment_id": "one",
            "boot_count": 1,
            "seq": self.seq,
            "firmware_version": "1.0.0",
            "observed_generation": generation,
            "phase": phase,
            "reason": reason,
            "active": self.active,
            "self_test": SelfTest(passed=1, total=1, max_lsb=0) if self.active is not None else None,
            "latency_us": 900,
            "capabilities": Capabilities(
                ram_bytes=1 << 19, slot_bytes=1 << 16, arena_bytes=1 << 14, runtime="tflm", accelerator="none"
            ),
            "key_ids": (),
            "security_floor": 0,
        }
        self.report = Reported(**fields | other)
        return self.report


class FleetWorld:
    """Everything, with passes run by hand.

    Attributes:
        cluster: the API server.
        broker: what devices are told.
        boards: the devices by name.
        events: (object, reason, message).
        now: POSIX seconds.
    """

    def __init__(self, *, rate: int | None = None) -> None:
        self.cluster, self.broker = Cluster(), Broker()
        self.boards: dict[str, Board] = {}
        self.events: list[tuple[str, str, str]] = []
        self.now = 1_700_000_000.1234567  # finer than what is stored
        self._rate = rate
        self._manifests: dict[str, Manifest] = {}
        self._woken: dict[str, None] = {}
        self.cluster.apply("configmaps", {"metadata": {"name": "classes"}, "data": {"esp32": CLASS}})
        self._begin()

    def _begin(self) -> None:
        """A process that knows nothing."""
        book = CommandBook([KEY])
        self.engine = FleetEngine(book, lambda _: None, lambda: self.now)
        world = World(self.cluster, self.broker, self, self, lambda: self.now)
        classes = ClassBook()
        self.passes = FleetReconciler(
            world,
            self.engine,
            classes,
            wake_at=lambda _namespace, _at: None,
            wake_version=lambda _, name: self._woken.setdefault(name),
            rate_per_minute=self._rate,
        )
        verifier = Verifier(trust([KEY.public]), Store())
        self.looks = VersionReconciler(
            world, self.engine, verifier, classes, wake_fleet=lambda _: None, wake_at=lambda _key, _at: None
        )

    async def restart(self) -> None:
        """The operator's process dies; another one begins, and hears what the broker kept of the devices."""
        self._begin()
        await self.start()

    async def start(self) -> None:
        devices = [each for (plural, _), each in self.cluster.objects.items() if plural == "edgedevices"]
        await self._follow(Listed(tuple(Declared.read(copy.deepcopy(each)) for each in devices)))
        for board in self.boards.values():
            await self.come(board.name)
            if board.report is not None:
                await self.engine.reported(board.name, board.report)
        await self.engine.connected()

    async def _follow(self, change: Change[Declared]) -> None:
        async def changes() -> AsyncIterator[Change[Declared]]:
            yield change

        await self.engine.follow(changes())

    # Statuses and events, as the controllers hand them over.

    def submit(
        self, target: Target, status: dict[str, Any], observed: dict[str, Any] | None, *, version: str = ""
    ) -> None:
        del observed, version
        stored = self.cluster.objects.get((target.kind.plural, target.name))
        if stored is not None and stored["status"] != status:
            self.cluster.writes.append((target.kind.plural, target.name))
            stored["status"] = copy.deepcopy(status)
            stored["metadata"]["resourceVersion"] = str(int(stored["metadata"]["resourceVersion"]) + 1)

    def record(self, subject: Subject, reason: str, message: str, *, warning: bool = False) -> None:
        del warning
        assert subject.api_version == "edgefleet.io/v1alpha1"
        self.events.append((f"{subject.kind}/{subject.name}", reason, message))

    # What people and devices do.

    def declare_ring(self, name: str, **spec: Any) -> None:
        base = {"model": MODEL, "selector": {"matchLabels": {"motor": "x"}}}
        self._apply_ring(name, base | spec, {})

    def _apply_ring(self, name: str, spec: dict[str, Any], annotations: dict[str, str]) -> None:
        metadata = {"name": name, "annotations": annotations}
        kind = {"apiVersion": "edgefleet.io/v1alpha1", "kind": "RolloutRing"}
        self.cluster.apply("rolloutrings", {**kind, "metadata": metadata, "spec": spec})

    def declare_version(self, version: str) -> None:
        content = f"the bytes of {version}".encode()
        digest, envelope = seal_manifest(make_manifest(content, version=version), [KEY])
        sealed = decode(Envelope, envelope)
        manifest = make_manifest(content, version=version)
        self._manifests[digest] = manifest
        schema = FeatureSchema(name=manifest.feature_schema.name, digest=manifest.feature_schema.digest)
        release = Release(model=MODEL, version=version, feature_schema=schema)
        text = write_version(release, [SealedArtifact(content, manifest, digest, sealed)])
        self.cluster.apply("modelversions", yaml.safe_load(text))
        self._woken[f"{MODEL}-{version}"] = None

    async def declare_device(self, name: str, **spec: Any) -> Board:
        kind = {"apiVersion": "edgefleet.io/v1alpha1", "kind": "EdgeDevice"}
        body = {"metadata": {"name": name, "labels": {"motor": "x"}}, "spec": {"deviceClass": "esp32", **spec}}
        self.cluster.apply("edgedevices", {**kind, **body})
        board = self.boards.setdefault(name, Board(name, self._manifests))
        await self.watch(name)
        await self.come(name)
        if board.report is None:
            await self.engine.reported(name, board.say(Phase.IDLE, Reason.OK, 0))
        return board

    async def annotate(self, plural: str, name: str, **annotations: str) -> None:
        stored = self.cluster.objects[plural, name]
        kept = stored["metadata"].get("annotations") or {}
        stored["metadata"]["annotations"] = kept | {f"edgefleet.io/{key}": text for key, text in annotations.items()}
        if plural == "edgedevices":
            await self.watch(name)
        elif plural == "modelversions":
            self._woken[name] = None

    async def come(self, name: str, status: Any = "online") -> None:
        await self.engine.presence(name, Presence(device_id=name, status=status, enrolment_id="one", boot_count=1))

    async def watch(self, name: str) -> None:
        """Tell the engine what the API server holds of a device."""
        stored = self.cluster.objects.get(("edgedevices", name))
        if stored is None:
            await self._follow(Gone(NAMESPACE, name, ""))
        else:
            await self._follow(Put(Declared.read(copy.deepcopy(stored))))

    async def step(self, seconds: float = 1.0, *, watched: bool = True) -> None:
        """One pass, the looks at versions that it asks for, and whatever the devices do about it."""
        await self.passes.reconcile(NAMESPACE)
        woken, self._woken = self._woken, {}
        for name in woken:
            await self.looks.reconcile((NAMESPACE, name))
        for board in self.boards.values():
            said = board.hear(self.broker.kept.get(board.name))
            if said is not None:
                await self.engine.reported(board.name, said)
        if watched:
            for plural, name in list(self.cluster.objects):
                if plural == "edgedevices":
                    await self.watch(name)
        self.now += seconds

    async def settle(self, most: int = 40) -> None:
        """Steps until nothing is written any more."""
        for _ in range(most):
            writes, kept = len(self.cluster.writes), dict(self.broker.kept)
            await self.step()
            if (len(self.cluster.writes), self.broker.kept) == (writes, kept) and not self._woken:
                return
        raise AssertionError(f"still moving after {most} steps: {self.cluster.writes[-10:]}")

    # What can be seen.

    def status(self, plural: str, name: str) -> dict[str, Any]:
        return self.cluster.objects[plural, name]["status"]

    def condition(self, plural: str, name: str, kind: str) -> dict[str, Any]:
        conditions = self.status(plural, name).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def runs(self) -> dict[str, str | None]:
        return {name: board.active.version if board.active else None for name, board in self.boards.items()}

    def asks_for(self, name: str) -> str | None:
        """The version that the broker's retained command asks a device for."""
        payload = self.broker.kept[name]
        accepted = verify_desired(payload, DesiredContext(name, trust([KEY.public]), Seen(0)))
        digest = accepted.assignment.manifest_digest
        return self._manifests[digest].version if digest is not None else None


def digest_of(version: str) -> str:
    """The digest of a declared version's bytes."""
    return hashlib.sha256(f"the bytes of {version}".encode()).hexdigest()
