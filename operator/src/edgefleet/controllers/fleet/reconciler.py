"""One pass over a namespace: objects to facts, facts to a plan, the plan's effects in order, then the statuses.

Level-triggered: rings and versions are read anew from the API server on every pass; nothing hangs on which event
brought it about.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.api.v1alpha1.modelversion import Deployed, ModelVersion
from edgefleet.api.v1alpha1.rolloutring import RolloutRing
from edgefleet.controllers.classes import CLASS_SELECTOR, ClassBook
from edgefleet.controllers.fleet.commands import Issued
from edgefleet.controllers.fleet.device_facts import read_command, read_device
from edgefleet.controllers.fleet.device_status import View, recheck_presence, show_device
from edgefleet.controllers.fleet.dispatch import Dispatcher
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.fleet.execution import Executor
from edgefleet.controllers.fleet.records import Record
from edgefleet.controllers.fleet.scene import Scene
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.ports import World
from edgefleet.controllers.ring_facts import read_ring
from edgefleet.controllers.ring_status import show_ring
from edgefleet.controllers.times import round_time
from edgefleet.controllers.version_facts import read_version
from edgefleet.domain.rollout.bucket import Bucket
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts
from edgefleet.domain.rollout.judgement import PENALTY_SECONDS
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.domain.rollout.standing import FAILURES, UNASSIGNED, Stand, Standing
from edgefleet.runtime.kinds import CONFIG_MAPS, EDGE_DEVICES, MODEL_VERSIONS, ROLLOUT_RINGS
from edgefleet.runtime.status_writer import Target

_LOG: Final = logging.getLogger(__name__)


class FleetReconciler:
    """Runs passes."""

    def __init__(  # noqa: PLR0913 - collaborators by name
        self,
        world: World,
        engine: FleetEngine,
        classes: ClassBook,
        *,
        wake_at: Callable[[str, float], None],
        wake_version: Callable[[str, str], None],
        rate_per_minute: int | None = None,
    ) -> None:
        """Keep what passes need.

        Args:
            world: the outside.
            engine: the fleet's memory.
            classes: the last good ones, shared with the looks at versions.
            wake_at: asks for another pass over a namespace at a time.
            wake_version: asks for a look at a version: (namespace, name).
            rate_per_minute: commands a minute and namespace, whichever path they take; None for no bound.
        """
        self._world = world
        self._engine = engine
        self._classes = classes
        self._wake_at = wake_at
        self._wake_version = wake_version
        self._rate = rate_per_minute
        self._executor = Executor(world, engine, wake_version=wake_version)
        self._dispatcher = Dispatcher(world, engine)
        # Nothing was sent before this process began, so its buckets fill from then on.
        self._empty = {"": Bucket(0.0, world.now())}
        self._buckets: dict[str, Mapping[str, Bucket]] = {}

    async def reconcile(self, namespace: str) -> None:
        """Makes one pass. Raises what the API server or the broker raise; the queue tries again."""
        if not self._engine.listed:
            return
        scene = await self._read(namespace)
        connected = self._engine.heard and self._world.publisher.connected
        if connected and not self._engine.book.epoch:
            await self._open_epoch()
        facts = self._to_facts(scene, connected=connected)
        decided = plan(facts, scene.now)
        await self._executor.execute(scene, decided)
        self._buckets[namespace] = decided.buckets
        if connected:
            self._dispatcher.settle(scene)
            await self._dispatcher.send(namespace)
        self._show(scene, facts, decided)
        if decided.recheck_at is not None:
            self._wake_at(namespace, decided.recheck_at)

    async def _read(self, namespace: str) -> Scene:
        objects = self._world.objects
        rings, versions, maps = await asyncio.gather(
            objects.list(ROLLOUT_RINGS, namespace),
            objects.list(MODEL_VERSIONS, namespace),
            objects.list(CONFIG_MAPS, namespace, label_selector=CLASS_SELECTOR),
        )
        parsed = [RolloutRing.model_validate(ring) for ring in rings if not ring["metadata"].get("deletionTimestamp")]
        return Scene(
            namespace=namespace,
            rings={ring.metadata.name: ring for ring in parsed},
            stored={str(ring["metadata"]["name"]): ring for ring in rings},
            versions=tuple(read_version(ModelVersion.model_validate(version)) for version in versions),
            classes=self._classes.read(namespace, maps),
            devices=self._engine.twins.in_namespace(namespace),
            now=round_time(self._world.now()),
        )

    async def _open_epoch(self) -> None:
        rings = await self._world.objects.list(ROLLOUT_RINGS)
        epochs = [int((ring.get("status") or {}).get("epoch", 0)) for ring in rings]
        self._engine.book.open_epoch(self._engine.highest_generation(), max(epochs, default=0))
        _LOG.info("epoch %d begins", self._engine.book.epoch)

    def _to_facts(self, scene: Scene, *, connected: bool) -> FleetFacts:
        return FleetFacts(
            rings=tuple(read_ring(ring) for ring in scene.rings.values()),
            versions=scene.versions,
            devices=tuple(self._to_device_facts(scene, device) for device in scene.devices),
            connected=connected,
            rate_per_minute=self._rate,
            buckets=self._buckets.get(scene.namespace, self._empty),
        )

    def _to_device_facts(self, scene: Scene, device: Declared) -> DeviceFacts:
        issued = self._find_issued(device)
        return read_device(
            device,
            self._engine.twins.voice(device.name),
            issued.command if issued is not None else None,
            class_known=scene.knows_class(device.spec.device_class),
            record=self._engine.records.find(device),
        )

    def _find_issued(self, device: Declared) -> Issued | None:
        """Returns what the device was last told, from memory or, after a restart, from its status."""
        book = self._engine.book
        issued = book.find(device.name)
        recorded = read_command(device) if issued is None else None
        return book.restore(device.name, recorded) if recorded is not None else issued

    def _show(self, scene: Scene, facts: FleetFacts, decided: Plan) -> None:
        """Submits every status; what equals what is stored is not written."""
        for name, ring in scene.rings.items():
            stored = scene.stored[name]
            status = show_ring(ring, decided.rings[name], self._engine.book.epoch or ring.status.epoch or 0, scene.now)
            target = Target(ROLLOUT_RINGS, scene.namespace, name, str(stored["metadata"]["uid"]))
            version = str(stored["metadata"].get("resourceVersion", ""))
            self._world.statuses.submit(target, status.to_json_object(), stored.get("status"), version=version)
        for device, known in zip(scene.devices, facts.devices, strict=True):
            stand = decided.devices.get(device.name, UNASSIGNED)
            self._engine.records.note_ring(device, stand.ring)
            self._show_device(scene, device, known, stand)
        for double in self._engine.twins.doubles.values():
            if double.namespace == scene.namespace:
                self._show_double(double, scene.now)
        self._count_deployed(scene, decided)

    def _show_double(self, device: Declared, now: float) -> None:
        """A device id is unique in the cluster: the second of a name is told whose it is, and nothing else."""
        owner = self._engine.twins.declared[device.name].namespace
        self._submit(device, View(device, Voice(), UNASSIGNED, None, Record(), double=owner), now)

    def _show_device(self, scene: Scene, device: Declared, known: DeviceFacts, stand: Stand) -> None:
        issued = self._engine.book.find(device.name)
        command = issued.command if issued is not None else None
        blocked = stand.standing is Standing.EXCLUDED and stand.reason == ConditionReason.BLOCKED
        view = View(
            device=device,
            voice=self._engine.twins.voice(device.name),
            stand=stand,
            command=command,
            record=self._engine.records.find(device),
            class_problem=scene.find_class_problem(device.spec.device_class),
            recalling=issued is not None and command is None and not issued.sent,
            blocked_until=known.report.changed_at + PENALTY_SECONDS if blocked and known.report is not None else None,
        )
        self._submit(device, view, scene.now)
        later = recheck_presence(view, scene.now)
        if later is not None:
            self._wake_at(scene.namespace, later)

    def _submit(self, device: Declared, view: View, now: float) -> None:
        target = Target(EDGE_DEVICES, device.namespace, device.name, device.uid)
        status = show_device(view, now).to_json_object()
        self._world.statuses.submit(target, status, device.stored, version=device.resource_version)

    def _count_deployed(self, scene: Scene, decided: Plan) -> None:
        """Counts devices by version; a version whose counts changed is looked at."""
        assigned: Counter[str] = Counter()
        running: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for device in scene.devices:
            issued, report = self._engine.book.find(device.name), self._engine.twins.voice(device.name).report
            stand = decided.devices.get(device.name, UNASSIGNED)
            if issued is not None and issued.command is not None:
                assigned[issued.command.digest] += 1
            if report is not None and report.active is not None:
                running[report.active.digest] += 1
            if stand.standing in FAILURES and stand.artifact is not None:
                failed[stand.artifact.digest] += 1
        for version in scene.versions:
            digests = {artifact.digest for artifact in version.artifacts.values()}
            counts = Deployed(
                assigned=sum(assigned[digest] for digest in digests),
                running=sum(running[digest] for digest in digests),
                failed=sum(failed[digest] for digest in digests),
            )
            key = (scene.namespace, version.model, version.version)
            if self._engine.deployed.get(key) != counts:
                self._engine.deployed[key] = counts
                self._wake_version(scene.namespace, f"{version.model}-{version.version}")
