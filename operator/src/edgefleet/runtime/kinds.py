"""The kinds of objects that the operator reads and writes, as the API server's paths name them."""

from dataclasses import dataclass
from typing import Final

from edgefleet.api.meta import GROUP
from edgefleet.api.v1alpha1 import EdgeDevice, ModelVersion, RolloutRing, TrainingRun


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource of the API.

    Attributes:
        group: of the API; empty for the core.
        version: of the group.
        plural: the resource's name in paths.
        namespaced: whether its objects live in namespaces.
    """

    group: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects spell it, such as `edgefleet.io/v1alpha1` or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        """As people know it, such as `edgedevices.edgefleet.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


EDGE_DEVICES: Final = Kind(GROUP, "v1alpha1", EdgeDevice.definition.plural)
MODEL_VERSIONS: Final = Kind(GROUP, "v1alpha1", ModelVersion.definition.plural)
ROLLOUT_RINGS: Final = Kind(GROUP, "v1alpha1", RolloutRing.definition.plural)
TRAINING_RUNS: Final = Kind(GROUP, "v1alpha1", TrainingRun.definition.plural)
CONFIG_MAPS: Final = Kind("", "v1", "configmaps")
SECRETS: Final = Kind("", "v1", "secrets")
EVENTS: Final = Kind("events.k8s.io", "v1", "events")
LEASES: Final = Kind("coordination.k8s.io", "v1", "leases")
