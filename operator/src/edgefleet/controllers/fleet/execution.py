"""Runs a plan's effects in their order. Must not decide.

A crash after any effect converges: a ring is stored before the commands that follow from it, what is wanted of a
version is asked for again on every pass until it stands there, and a command that was stored nowhere shows in what its
device reports.
"""

from collections.abc import Callable
from typing import assert_never

from edgefleet.api.v1alpha1.edgedevice import LastGood
from edgefleet.controllers.fleet.commands import Content
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.fleet.scene import Scene
from edgefleet.controllers.fleet.settings import to_wire
from edgefleet.controllers.fleet.twins import Declared
from edgefleet.controllers.ports import World
from edgefleet.controllers.quarantine import Asked
from edgefleet.controllers.ring_status import show_ring
from edgefleet.controllers.times import format_time
from edgefleet.domain.rollout.effects import (
    Effect,
    HandleToken,
    LiftQuarantine,
    QuarantineVersion,
    RecallCommand,
    SaveRing,
    SendCommand,
    TellEvent,
)
from edgefleet.domain.rollout.facts import Command
from edgefleet.domain.rollout.planner import Plan
from edgefleet.runtime.events import Subject
from edgefleet.runtime.kinds import ROLLOUT_RINGS


class Executor:
    """Carries plans out."""

    def __init__(self, world: World, engine: FleetEngine, *, wake_version: Callable[[str, str], None]) -> None:
        """Keep what effects act on.

        Args:
            world: the outside.
            engine: the fleet's memory.
            wake_version: asks for a look at a version: (namespace, name).
        """
        self._world = world
        self._engine = engine
        self._wake_version = wake_version

    async def execute(self, scene: Scene, decided: Plan) -> None:
        """Runs the effects; what is sent to devices is signed here and published later.

        Raises:
            ApiError: a ring could not be stored; nothing that follows from it has happened.
        """
        lost = await self._save_rings(scene, decided)
        self._ask(scene, decided)
        for effect in decided.effects:
            self._run(scene, effect, lost)

    async def _save_rings(self, scene: Scene, decided: Plan) -> set[str | None]:
        """Stores the rings that changed, and in all of them the epoch before anything is sent under it.

        Returns:
            The rings that are gone.
        """
        book = self._engine.book
        saving = {effect.ring for effect in decided.effects if isinstance(effect, SaveRing)}
        stale: set[str] = set()
        if book.epoch:
            book.rise_above(max((self._engine.observed(device.name) for device in scene.devices), default=0))
            stale = {name for name, ring in scene.rings.items() if ring.status.epoch != book.epoch}
        return {name for name in sorted(saving | stale) if not await self._save_ring(scene, decided, name)}

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

    def _ask(self, scene: Scene, decided: Plan) -> None:
        """Leaves what the plan wants of versions, and nothing that an earlier one wanted, to the looks at them."""
        wanted: dict[tuple[str, str], Asked] = {}
        for effect in decided.effects:
            if isinstance(effect, QuarantineVersion | LiftQuarantine):
                quarantine = effect.quarantine if isinstance(effect, QuarantineVersion) else None
                wanted[scene.namespace, f"{effect.model}-{effect.version}"] = Asked(quarantine, scene.now)
        asked = self._engine.asked
        for key in [key for key in asked if key[0] == scene.namespace]:
            del asked[key]
        asked.update(wanted)
        for namespace, name in wanted:
            self._wake_version(namespace, name)

    def _run(self, scene: Scene, effect: Effect, lost: set[str | None]) -> None:
        match effect:
            case SaveRing() | QuarantineVersion() | LiftQuarantine():
                pass  # before all others
            case RecallCommand():
                if effect.ring not in lost:
                    self._recall(effect)
            case SendCommand():
                if effect.ring not in lost:
                    self._command(scene, effect)
            case HandleToken():
                device = self._engine.twins.declared.get(effect.device)
                if device is not None:
                    self._engine.records.note_token(device, effect.name, effect.value, scene.now)
            case TellEvent():
                if effect.ring not in lost:
                    uid = str(scene.stored[effect.ring]["metadata"]["uid"])
                    subject = Subject(ROLLOUT_RINGS.api_version, "RolloutRing", scene.namespace, effect.ring, uid)
                    self._world.events.record(subject, effect.reason, effect.message, warning=effect.warning)
            case _:
                assert_never(effect)

    def _recall(self, effect: RecallCommand) -> None:
        device = self._engine.twins.declared.get(effect.device)
        if device is not None:
            content = Content(None, to_wire(device.spec))
            self._engine.book.issue(effect.device, content, None, self._engine.observed(effect.device))

    def _command(self, scene: Scene, effect: SendCommand) -> None:
        device = self._engine.twins.declared.get(effect.device)
        if device is None:
            return
        book = self._engine.book
        last = book.find(effect.device)
        content = Content(effect.artifact, to_wire(device.spec), f"{effect.model}-{effect.version}.tflite")
        if last is not None and last.content == content and not effect.renew:
            return
        command = Command(
            model=effect.model,
            version=effect.version,
            digest=effect.artifact.digest,
            generation=0,
            at=scene.now,
            ring=effect.ring,
            attempt=effect.attempt,
        )
        book.issue(effect.device, content, command, self._engine.observed(effect.device))
        self._engine.records.note_last_good(device, self._find_last_good(device, effect.last_good, scene.now))

    def _find_last_good(self, device: Declared, digest: str | None, now: float) -> LastGood | None:
        """Returns what a device returns to: what is recorded already, or what it says that it runs."""
        kept = self._engine.records.find(device).last_good
        if digest is None or (kept is not None and kept.digest == digest):
            return kept if digest is not None else None
        report = self._engine.twins.voice(device.name).report
        active = report.active if report is not None else None
        if active is None or active.digest != digest:
            return kept
        return LastGood(model=active.model, model_version=active.version, digest=digest, at=format_time(now))
