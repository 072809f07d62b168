"""One pass over a namespace: objects to facts, facts to a plan, the plan's effects in order, then the statuses.

Level-triggered: rings and versions are read anew from the API server on every pass; nothing hangs on which event
brought it about. A crash after any effect converges: a ring is stored before the commands that follow from it, and a
command that was stored nowhere shows in what its device reports.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from edgefleet.api.meta import Resource
from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.api.v1alpha1.modelversion import Deployed, ModelVersion
from edgefleet.api.v1alpha1.rolloutring import RolloutRing
from edgefleet.controllers.classes import CLASS_SELECTOR, ClassBook, KnownClass
from edgefleet.controllers.fleet.commands import Content, Issued
from edgefleet.controllers.fleet.device_facts import read_command, read_device
from edgefleet.controllers.fleet.device_status import View, recheck_presence, show_device
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.fleet.settings import to_wire
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.ports import World
from edgefleet.controllers.ring_facts import read_ring
from edgefleet.controllers.ring_status import show_ring
from edgefleet.controllers.version_facts import read_version
from edgefleet.domain.rollout.effects import SaveRing, SendCommand, TellEvent
from edgefleet.domain.rollout.facts import Artifact, Command, FleetFacts, VersionFacts
from edgefleet.domain.rollout.planner import DevicePlan, Plan, plan
from edgefleet.domain.rollout.standing import FAILURES
from edgefleet.runtime.errors import NotConnected
from edgefleet.runtime.events import Subject
from edgefleet.runtime.kinds import CONFIG_MAPS, EDGE_DEVICES, MODEL_VERSIONS, ROLLOUT_RINGS
from edgefleet.runtime.ports import Delivery, Object
from edgefleet.runtime.status_writer import Target

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one pass has read.

    Attributes:
        namespace: whose.
        rings: objects by name.
        stored: the rings as read, by name.
        versions: facts of every version.
        classes: by name; a string says why there is no such class.
        devices: declared devices.
        now: POSIX seconds.
    """

    namespace: str
    rings: dict[str, RolloutRing]
    stored: dict[str, Object]
    versions: tuple[VersionFacts, ...]
    classes: Mapping[str, KnownClass | str]
    devices: Sequence[Declared]
    now: float


class FleetReconciler:
    """Runs passes."""

    def __init__(
        self,
        world: World,
        engine: FleetEngine,
        classes: ClassBook,
        *,
        wake_at: Callable[[str, float], None],
        wake_version: Callable[[str, str], None],
    ) -> None:
        """Keep what passes need.

        Args:
            world: the outside.
            engine: the fleet's memory.
            classes: the last good ones, shared with the looks at versions.
            wake_at: asks for another pass over a namespace at a time.
            wake_version: asks for a look at a version: (namespace, name).
        """
        self._world = world
        self._engine = engine
        self._classes = classes
        self._wake_at = wake_at
        self._wake_version = wake_version

    async def reconcile(self, namespace: str) -> None:
        """Makes one pass. Raises what the API server or the broker raise; the queue tries again."""
        if not self._engine.listed:
            return
        scene = await self._read(namespace)
        connected = self._engine.heard and self._world.publisher.connected
        if connected and not self._engine.book.epoch:
            await self._open_epoch()
        decided = plan(self._to_facts(scene, connected=connected), scene.now)
        await self._execute(scene, decided)
        if connected:
            self._settle_settings(scene)
            await self._send(namespace)
        self._show(scene, decided)
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
            now=self._world.now(),
        )

    async def _open_epoch(self) -> None:
        rings = await self._world.objects.list(ROLLOUT_RINGS)
        epochs = [int((ring.get("status") or {}).get("epoch", 0)) for ring in rings]
        self._engine.book.open_epoch(self._engine.highest_generation(), max(epochs, default=0))
        _LOG.info("epoch %d begins", self._engine.book.epoch)

    def _to_facts(self, scene: Scene, *, connected: bool) -> FleetFacts:
        twins = self._engine.twins
        devices = tuple(
            read_device(
                device,
                twins.voice(device.name),
                self._recall(device),
                class_known=isinstance(scene.classes.get(device.spec.device_class), KnownClass),
            )
            for device in scene.devices
        )
        rings = tuple(read_ring(ring) for ring in scene.rings.values())
        return FleetFacts(rings, scene.versions, devices, connected)

    def _recall(self, device: Declared) -> Command | None:
        """Returns what the device was last told, from memory or, after a restart, from its status."""
        book = self._engine.book
        issued = book.find(device.name)
        recorded = read_command(device) if issued is None else None
        if recorded is not None:
            issued = book.restore(device.name, recorded)
        return issued.command if issued is not None else None

    async def _execute(self, scene: Scene, decided: Plan) -> None:
        """Runs the effects in the plan's order."""
        lost: set[str] = set()
        commanding = {effect.ring for effect in decided.effects if isinstance(effect, SendCommand) and effect.ring}
        saving = {effect.ring for effect in decided.effects if isinstance(effect, SaveRing)}
        # An epoch stands in the ring before the first command that carries it.
        stale = {name for name in commanding if scene.rings[name].status.epoch != self._engine.book.epoch}
        for name in sorted(saving | stale):
            if not await self._save_ring(scene, decided, name):
                lost.add(name)
        for effect in decided.effects:
            match effect:
                case SaveRing():
                    pass
                case SendCommand():
                    if effect.ring not in lost:
                        self._issue(scene, effect)
                case TellEvent():
                    if effect.ring not in lost:
                        subject = _name_subject(scene.rings[effect.ring], scene.stored[effect.ring])
                        self._world.events.record(subject, effect.reason, effect.message, warning=effect.warning)
                case _:
                    assert_never(effect)

    async def _save_ring(self, scene: Scene, decided: Plan, name: str) -> bool:
        ring, stored = scene.rings[name], scene.stored[name]
        status = show_ring(ring, decided.rings[name], self._engine.book.epoch, scene.now)
        after = await self._world.objects.replace_status(
            ROLLOUT_RINGS, scene.namespace, name, str(stored["metadata"]["uid"]), status.to_json_object()
        )
        if after is None:
            return False
        scene.rings[name] = ring.model_copy(update={"status": status})
        scene.stored[name] = after
        return True

    def _issue(self, scene: Scene, effect: SendCommand) -> None:
        device = self._engine.twins.declared.get(effect.device)
        if device is None:
            return
        book = self._engine.book
        last = book.find(effect.device)
        content = Content(effect.artifact, to_wire(device.spec), f"{effect.model}-{effect.version}.tflite")
        if last is not None and last.content == content and not effect.renew:
            return
        command = Command(effect.model, effect.version, effect.artifact.digest, 0, scene.now, effect.ring)
        book.issue(effect.device, content, command, self._observed(effect.device))

    def _observed(self, device: str) -> int:
        report = self._engine.twins.voice(device).report
        return report.observed_generation if report is not None else 0

    def _settle_settings(self, scene: Scene) -> None:
        """Brings settings to their devices, and makes sure that what an earlier process said was heard."""
        artifacts = {
            artifact.digest: (version, artifact)
            for version in scene.versions
            for artifact in version.artifacts.values()
        }
        for device in scene.devices:
            if device.spec.revoked:
                continue
            wanted = to_wire(device.spec)
            issued = self._engine.book.find(device.name)
            if issued is None:
                self._settle_unmanaged(device, Content(None, wanted))
            elif issued.content is None:
                self._settle_restored(device, issued, artifacts)
            elif issued.content.settings != wanted:
                content = Content(issued.content.artifact, wanted, issued.content.file_name)
                self._engine.book.issue(device.name, content, issued.command, self._observed(device.name))

    def _settle_unmanaged(self, device: Declared, content: Content) -> None:
        """A device that nobody assigned a model to still gets its settings."""
        report = self._engine.twins.voice(device.name).report
        if report is not None and content.settings is not None and report.settings != content.settings:
            self._engine.book.issue(device.name, content, None, report.observed_generation)

    def _settle_restored(
        self, device: Declared, issued: Issued, artifacts: Mapping[str, tuple[VersionFacts, Artifact]]
    ) -> None:
        """Adopts what the device reports; says it anew where that is not what is wanted.

        A version that is no longer declared is left to the planner.
        """
        command = issued.command
        found = artifacts.get(command.digest) if command is not None else None
        if command is None or found is None:
            return
        version, artifact = found
        content = Content(artifact, to_wire(device.spec), f"{version.model}-{version.version}.tflite")
        report = self._engine.twins.voice(device.name).report
        if (
            report is not None
            and report.observed_generation >= issued.generation
            and report.settings == content.settings
        ):
            self._engine.book.adopt(device.name, content)
        else:
            self._engine.book.issue(device.name, content, command, self._observed(device.name))

    async def _send(self, namespace: str) -> None:
        """Hands the broker what it does not have, and removes what belongs to deleted devices."""
        here = {device.name for device in self._engine.twins.in_namespace(namespace)}
        waiting = [(name, issued) for name, issued in self._engine.book.unsent() if name in here]
        removed = [name for name, where in self._engine.removed.items() if where == namespace]
        async with asyncio.TaskGroup() as group:
            for name, issued in waiting:
                group.create_task(self._send_one(name, issued))
            for name in removed:
                group.create_task(self._clear_one(name))

    async def _send_one(self, name: str, issued: Issued) -> None:
        try:
            delivery = await self._world.publisher.publish_desired(name, issued.payload)
        except NotConnected:
            return  # said again when the session stands
        if delivery is Delivery.REFUSED:
            _LOG.error("the broker refuses commands to %s", name)
            device = self._engine.twins.declared.get(name)
            if device is not None:
                subject = Subject("EdgeDevice", EDGE_DEVICES.api_version, device.namespace, name, device.uid)
                self._world.events.record(subject, "CommandRefused", "the broker refused the command", warning=True)
            return
        self._engine.book.mark_sent(name, issued)

    async def _clear_one(self, name: str) -> None:
        try:
            await self._world.publisher.publish_desired(name, b"")
        except NotConnected:
            return
        self._engine.removed.pop(name, None)

    def _show(self, scene: Scene, decided: Plan) -> None:
        """Submits every status; what equals what is stored is not written."""
        for name, ring in scene.rings.items():
            stored = scene.stored[name]
            status = show_ring(ring, decided.rings[name], self._engine.book.epoch or ring.status.epoch or 0, scene.now)
            target = Target(ROLLOUT_RINGS, scene.namespace, name, str(stored["metadata"]["uid"]))
            version = str(stored["metadata"].get("resourceVersion", ""))
            self._world.statuses.submit(target, status.to_json_object(), stored.get("status"), version=version)
        for device in scene.devices:
            self._show_device(scene, device, decided.devices.get(device.name, DevicePlan(None, None)))
        for double in self._engine.twins.doubles.values():
            if double.namespace == scene.namespace:
                self._show_double(double, scene.now)
        self._count_deployed(scene, decided)

    def _show_double(self, device: Declared, now: float) -> None:
        """A device id is unique in the cluster: the second of a name is told whose it is, and nothing else."""
        owner = self._engine.twins.declared[device.name].namespace
        view = View(device, Voice(), DevicePlan(None, None), None, ("", ""), double=owner)
        target = Target(EDGE_DEVICES, device.namespace, device.name, device.uid)
        status = show_device(view, now).to_json_object()
        self._world.statuses.submit(target, status, device.stored, version=device.resource_version)

    def _show_device(self, scene: Scene, device: Declared, planned: DevicePlan) -> None:
        issued = self._engine.book.find(device.name)
        view = View(
            device=device,
            voice=self._engine.twins.voice(device.name),
            plan=planned,
            command=issued.command if issued is not None else None,
            class_problem=_find_class_problem(scene.classes, device.spec.device_class),
        )
        target = Target(EDGE_DEVICES, device.namespace, device.name, device.uid)
        status = show_device(view, scene.now).to_json_object()
        self._world.statuses.submit(target, status, device.stored, version=device.resource_version)
        later = recheck_presence(view, scene.now)
        if later is not None:
            self._wake_at(scene.namespace, later)

    def _count_deployed(self, scene: Scene, decided: Plan) -> None:
        """Counts devices by version; a version whose counts changed is looked at."""
        assigned: Counter[str] = Counter()
        running: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for device in scene.devices:
            issued, report = self._engine.book.find(device.name), self._engine.twins.voice(device.name).report
            stand = decided.devices[device.name].stand
            if issued is not None and issued.command is not None:
                assigned[issued.command.digest] += 1
            if report is not None and report.active is not None:
                running[report.active.digest] += 1
            if stand is not None and stand.standing in FAILURES and stand.artifact is not None:
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


def _name_subject(resource: Resource, stored: Object) -> Subject:
    definition, meta = resource.definition, stored["metadata"]
    namespace, uid = str(meta.get("namespace", "")), str(meta["uid"])
    return Subject(definition.kind, ROLLOUT_RINGS.api_version, namespace, resource.metadata.name, uid)


def _find_class_problem(classes: Mapping[str, KnownClass | str], name: str) -> tuple[str, str]:
    known = classes.get(name)
    if isinstance(known, KnownClass):
        return (ConditionReason.CLASS_INVALID, known.problem) if known.problem else ("", "")
    reason = ConditionReason.CLASS_UNKNOWN if known is None else ConditionReason.CLASS_INVALID
    return reason, known or f"device class {name} is not declared in this namespace"
