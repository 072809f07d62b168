"""What every document is made of: frozen, strict models whose wire names are camelCase.

Only constructs that `shapes` can express are allowed in fields, because the same models become the firmware's tables.
"""

from enum import Enum
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.rules import Rule, broken_rule

# The spelling of the original system, kept for the devices and consumers that already exist.
_ORIGINAL_NAMES: Final = {"device_id": "deviceID", "schema_version": "schema", "fft_data": "fft_data"}


def wire_name(attribute: str) -> str:
    """Return the JSON key of an attribute."""
    return _ORIGINAL_NAMES.get(attribute, to_camel(attribute))


class Kind(Enum):
    """A document's name in errors, vectors, tables and on the command line."""

    DESIRED = "desired"
    ASSIGNMENT = "assignment"
    ENVELOPE = "envelope"
    MANIFEST = "manifest"
    KEY_BUNDLE = "key-bundle"
    REPORTED = "reported"
    PRESENCE = "presence"
    TELEMETRY = "telemetry"
    ANOMALY = "anomaly"
    ALERT = "alert"
    CONTROL = "control"
    LABELS = "labels"
    PROVISION_REQUEST = "provision-request"
    PROVISION_ANSWER = "provision-answer"
    ACTIVATION_REQUEST = "activation-request"
    ACTIVATION_ANSWER = "activation-answer"


class Part(BaseModel):
    """An object inside a document.

    Class attributes:
        value_fault: the reason for a value of the right type that the contract forbids here.
        rule: a demand on several fields at once, or None.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",  # newer senders may say more
        alias_generator=wire_name,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    value_fault: ClassVar[Reason] = Reason.OUT_OF_RANGE
    rule: ClassVar[Rule | None] = None

    @model_validator(mode="after")
    def _obey_rule(self) -> Self:
        if self.rule is not None:
            broken = broken_rule(self.rule, self.to_tree())
            if broken:
                raise ValueError(f"{broken.path}: {broken.demand}")
        return self

    def to_tree(self) -> dict[str, Any]:
        """Return the object as JSON values under wire names, without the fields that are absent."""
        return self.model_dump(mode="json", exclude_none=True)


class Document(Part):
    """What one message, body or signed payload carries.

    Class attributes:
        kind: the document's name.
        max_bytes: the size limit of its encoding.
    """

    kind: ClassVar[Kind]
    max_bytes: ClassVar[int]
