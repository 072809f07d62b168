"""`edgefleet.io/v1alpha1`: the four kinds and the two documents that live in ConfigMaps.

The models here are the one source: `make generate` writes the CRDs, the editors' schemas and the reference from them.
"""

from edgefleet.api.v1alpha1.deviceclass import DeviceClass
from edgefleet.api.v1alpha1.edgedevice import EdgeDevice
from edgefleet.api.v1alpha1.enrolmentclaim import EnrolmentClaim
from edgefleet.api.v1alpha1.modelversion import ModelVersion
from edgefleet.api.v1alpha1.rolloutring import RolloutRing
from edgefleet.api.v1alpha1.trainingrun import TrainingRun

KINDS = (EdgeDevice, ModelVersion, RolloutRing, TrainingRun)
"""The custom resources, in the order in which they are applied and documented."""

DOCUMENTS = (DeviceClass, EnrolmentClaim)
"""What stands, a document a key, in ConfigMaps labelled `edgefleet.io/config`."""

__all__ = [
    "DOCUMENTS",
    "KINDS",
    "DeviceClass",
    "EdgeDevice",
    "EnrolmentClaim",
    "ModelVersion",
    "RolloutRing",
    "TrainingRun",
]
