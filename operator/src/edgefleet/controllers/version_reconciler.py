"""One look at a version: verify it, say so. Must not decide who gets it."""

from collections.abc import Callable
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionType
from edgefleet.api.v1alpha1.modelversion import ModelVersion
from edgefleet.controllers.classes import CLASS_SELECTOR, ClassBook
from edgefleet.controllers.conditions import find_condition
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.ports import World
from edgefleet.controllers.verification import Verifier
from edgefleet.controllers.version_status import show_version
from edgefleet.runtime.events import Subject
from edgefleet.runtime.kinds import CONFIG_MAPS, MODEL_VERSIONS

_AGAIN_SECONDS: Final = 10.0
"""After which a version is looked at again that failed for what may pass by itself."""

VersionKey = tuple[str, str]
"""(namespace, name)."""


class VersionReconciler:
    """Looks at versions."""

    def __init__(  # noqa: PLR0913 - collaborators by name
        self,
        world: World,
        engine: FleetEngine,
        verifier: Verifier,
        classes: ClassBook,
        *,
        wake_fleet: Callable[[str], None],
        wake_at: Callable[[VersionKey, float], None],
    ) -> None:
        """Keep what looks need.

        Args:
            world: the outside.
            engine: for the counts of devices.
            verifier: judges.
            classes: the last good ones, shared with the passes.
            wake_fleet: asks for a pass over a namespace.
            wake_at: asks for another look at a time.
        """
        self._world = world
        self._engine = engine
        self._verifier = verifier
        self._classes = classes
        self._wake_fleet = wake_fleet
        self._wake_at = wake_at

    async def reconcile(self, key: VersionKey) -> None:
        """Looks at one version. Raises what the API server raises; the queue tries again."""
        namespace, name = key
        stored = await self._world.objects.get(MODEL_VERSIONS, namespace, name)
        if stored is None:
            self._wake_fleet(namespace)
            return
        version = ModelVersion.model_validate(stored)
        maps = await self._world.objects.list(CONFIG_MAPS, namespace, label_selector=CLASS_SELECTOR)
        findings = await self._verifier.verify(version, self._classes.read(namespace, maps))
        now = self._world.now()
        deployed = self._engine.deployed.get((namespace, version.spec.model, version.spec.version))
        status = show_version(version, findings, deployed or version.status.deployed, now)
        written = status.to_json_object()
        if written != stored.get("status"):
            uid = str(stored["metadata"]["uid"])
            await self._world.objects.replace_status(MODEL_VERSIONS, namespace, name, uid, written)
            before = find_condition(version.status.conditions, ConditionType.READY)
            after = find_condition(status.conditions, ConditionType.READY)
            if after is not None and (before is None or before.reason != after.reason):
                subject = Subject("ModelVersion", MODEL_VERSIONS.api_version, namespace, name, uid)
                warning = after.status != "True"
                self._world.events.record(subject, after.reason, after.message, warning=warning)
            self._wake_fleet(namespace)
        if any(finding.passing and finding.reason for finding in findings):
            self._wake_at(key, now + _AGAIN_SECONDS)
