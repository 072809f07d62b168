"""Brings commands to the broker, and settings to devices: whatever a device should have been told, it is told.

Also after a restart, when nobody knows whether the last process' words were heard. Must not decide who runs what.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.contracts.desired import Settings
from edgefleet.controllers.fleet.commands import Content, Issued
from edgefleet.controllers.fleet.device_facts import PROGRESS
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.fleet.scene import Scene
from edgefleet.controllers.fleet.settings import to_wire
from edgefleet.controllers.fleet.twins import Declared
from edgefleet.controllers.ports import World
from edgefleet.domain.rollout.catalogue import is_usable
from edgefleet.domain.rollout.facts import Artifact, Progress, VersionFacts
from edgefleet.runtime.errors import NotConnected
from edgefleet.runtime.events import Subject
from edgefleet.runtime.kinds import EDGE_DEVICES
from edgefleet.runtime.ports import Delivery

_LOG: Final = logging.getLogger(__name__)
_AT_IT: Final = frozenset({Progress.NONE, Progress.WORKING, Progress.DEFERRED})


class Dispatcher:
    """Publishes what the book holds."""

    def __init__(self, world: World, engine: FleetEngine) -> None:
        """Keep the broker and what it is to be told.

        Args:
            world: the outside.
            engine: the fleet's memory.
        """
        self._world = world
        self._engine = engine

    def settle(self, scene: Scene) -> None:
        """Brings settings to their devices, and makes sure that what an earlier process said was heard."""
        usable = {
            artifact.digest: (version, artifact)
            for version in scene.versions
            if is_usable(version)
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
                self._settle_restored(device, issued, usable)
            elif issued.content.settings != wanted:
                self._change_settings(device, issued, issued.content, wanted)

    def _settle_unmanaged(self, device: Declared, content: Content) -> None:
        """A device that nobody assigned a model to still gets its settings."""
        report = self._engine.twins.voice(device.name).report
        if report is not None and content.settings is not None and report.settings != content.settings:
            self._engine.book.issue(device.name, content, None, report.observed_generation)

    def _settle_restored(
        self, device: Declared, issued: Issued, usable: Mapping[str, tuple[VersionFacts, Artifact]]
    ) -> None:
        """Adopts what the device reports; says it anew where that is not what is wanted.

        A version that devices may not be given any more is left to the planner, and so is a device that has obeyed
        something which nobody recorded.
        """
        command, report = issued.command, self._engine.twins.voice(device.name).report
        found = usable.get(command.digest) if command is not None else None
        if command is None or found is None:
            return
        version, artifact = found
        wanted = to_wire(device.spec)
        content = Content(artifact, wanted, f"{version.model}-{version.version}.tflite")
        observed = self._engine.observed(device.name)
        if observed < issued.generation or report is None:
            self._engine.book.issue(device.name, content, command, observed)
        elif observed > issued.generation and not self._runs(device, artifact):
            return
        elif report.settings == wanted:
            self._engine.book.adopt(device.name, content)
        else:
            self._change_settings(device, issued, content, wanted)

    def _change_settings(self, device: Declared, issued: Issued, content: Content, wanted: Settings | None) -> None:
        """Says the last command again with other settings; one that came to nothing is not said again with them."""
        command, observed = issued.command, self._engine.observed(device.name)
        if content.artifact is not None and self._has_failed(device, issued, content.artifact):
            content, command = Content(None, wanted), None
        else:
            content = Content(content.artifact, wanted, content.file_name)
        self._engine.book.issue(device.name, content, command, observed)

    def _has_failed(self, device: Declared, issued: Issued, artifact: Artifact) -> bool:
        report = self._engine.twins.voice(device.name).report
        if report is None or report.observed_generation < issued.generation or self._runs(device, artifact):
            return False
        return PROGRESS[report.phase] not in _AT_IT

    def _runs(self, device: Declared, artifact: Artifact) -> bool:
        report = self._engine.twins.voice(device.name).report
        return report is not None and report.active is not None and report.active.digest == artifact.digest

    async def send(self, namespace: str) -> None:
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
                subject = Subject(EDGE_DEVICES.api_version, "EdgeDevice", device.namespace, name, device.uid)
                message = "the broker refused the command"
                self._world.events.record(subject, ConditionReason.COMMAND_REFUSED, message, warning=True)
            return
        self._engine.book.mark_sent(name, issued)

    async def _clear_one(self, name: str) -> None:
        try:
            await self._world.publisher.publish_desired(name, b"")
        except NotConnected:
            return
        self._engine.removed.pop(name, None)
