"""Every document of the contract by kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edgefleet.contracts.control import ControlMessage
from edgefleet.contracts.desired import Assignment, Desired
from edgefleet.contracts.document import Document, Kind
from edgefleet.contracts.enrolment import ActivationAnswer, ActivationRequest, ProvisionAnswer, ProvisionRequest
from edgefleet.contracts.envelope import Envelope
from edgefleet.contracts.keys import KeyBundle
from edgefleet.contracts.labels import Label
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reported import Presence, Reported
from edgefleet.contracts.telemetry import Alert, Anomaly, Telemetry

_MODELS: Final[tuple[type[Document], ...]] = (
    Desired,
    Assignment,
    Envelope,
    Manifest,
    KeyBundle,
    Reported,
    Presence,
    Telemetry,
    Anomaly,
    Alert,
    ControlMessage,
    Label,
    ProvisionRequest,
    ProvisionAnswer,
    ActivationRequest,
    ActivationAnswer,
)

DOCUMENTS: Final[Mapping[Kind, type[Document]]] = MappingProxyType({model.kind: model for model in _MODELS})
