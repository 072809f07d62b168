"""What one pass over a namespace has read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.api.v1alpha1.rolloutring import RolloutRing
from edgefleet.controllers.classes import KnownClass
from edgefleet.controllers.fleet.twins import Declared
from edgefleet.domain.rollout.facts import VersionFacts
from edgefleet.runtime.ports import Object


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

    def knows_class(self, name: str) -> bool:
        """Says whether a device class is in force."""
        return isinstance(self.classes.get(name), KnownClass)

    def find_class_problem(self, name: str) -> tuple[str, str]:
        """Returns (reason, message) of what is wrong with a device class, empty both when nothing is."""
        known = self.classes.get(name)
        if isinstance(known, KnownClass):
            return (ConditionReason.CLASS_INVALID, known.problem) if known.problem else ("", "")
        reason = ConditionReason.CLASS_UNKNOWN if known is None else ConditionReason.CLASS_INVALID
        return reason, known or f"device class {name} is not declared in this namespace"
