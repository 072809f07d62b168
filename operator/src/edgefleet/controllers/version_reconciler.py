"""One look at a version: verify it, say so, write down its quarantine. The one writer of ModelVersion.status."""

from collections.abc import Callable
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.modelversion import ModelVersion, ModelVersionStatus
from edgefleet.controllers.classes import CLASS_SELECTOR, ClassBook
from edgefleet.controllers.conditions import find_condition
from edgefleet.controllers.fleet.engine import FleetEngine
from edgefleet.controllers.ports import World
from edgefleet.controllers.quarantine import settle_custody
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
            engine: for the counts of devices, and for what passes ask for.
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
        asked = self._engine.asked.get(key)
        stored = await self._world.objects.get(MODEL_VERSIONS, namespace, name)
        if stored is None:
            self._engine.asked.pop(key, None)
            self._wake_fleet(namespace)
            return
        version = ModelVersion.model_validate(stored)
        maps = await self._world.objects.list(CONFIG_MAPS, namespace, label_selector=CLASS_SELECTOR)
        findings = await self._verifier.verify(version, self._classes.read(namespace, maps))
        now = self._world.now()
        custody = settle_custody(version, asked, now)
        deployed = self._engine.deployed.get((namespace, version.spec.model, version.spec.version))
        status = show_version(version, findings, custody, deployed or version.status.deployed, now)
        written = status.to_json_object()
        if written != stored.get("status"):
            uid = str(stored["metadata"]["uid"])
            await self._world.objects.replace_status(MODEL_VERSIONS, namespace, name, uid, written)
            subject = Subject(MODEL_VERSIONS.api_version, "ModelVersion", namespace, name, uid)
            self._tell(subject, version, status)
            if custody.lifted:
                self._world.events.record(subject, ConditionReason.QUARANTINE_LIFTED, custody.lifted)
            self._wake_fleet(namespace)
        if self._engine.asked.get(key) is asked:  # else the planner has changed its mind meanwhile
            self._engine.asked.pop(key, None)
        if any(finding.passing and finding.reason for finding in findings):
            self._wake_at(key, now + _AGAIN_SECONDS)

    def _tell(self, subject: Subject, version: ModelVersion, status: ModelVersionStatus) -> None:
        before = find_condition(version.status.conditions, ConditionType.READY)
        after = find_condition(status.conditions, ConditionType.READY)
        if after is not None and (before is None or before.reason != after.reason):
            self._world.events.record(subject, after.reason, after.message, warning=after.status != "True")
