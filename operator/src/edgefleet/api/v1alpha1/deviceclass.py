"""DeviceClass: what a kind of device can hold and run. Stands in a ConfigMap, one document a key.

The ConfigMap carries the label `edgefleet.io/config: device-classes`; the key is the class's name.
"""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from edgefleet.api.labels import LabelKey, LabelValue
from edgefleet.api.rules import Rule, matches
from edgefleet.api.scalars import INTEGRAL, Bytes, Text, Word
from edgefleet.api.structure import WITHOUT_NULLS, ListKind, Section, items

CONFIG_LABEL: Final = "edgefleet.io/config"
CONFIG_VALUE: Final = "device-classes"

FORMATS: Final = {"tflm": "tflite", "litert": "tflite", "edgetpu": "edgetpu", "savedmodel": "savedmodel"}
"""The artifact format that each runtime reads."""


class Accelerator(Section):
    """What a pod of the class needs from its node."""

    node_label: LabelKey
    """Label that the node must carry with value "true"."""
    resource: LabelKey | None = None
    """Extended resource that the pod requests, one of it."""


class Pod(Section):
    """The inference pod of the class."""

    image: Annotated[
        str,
        Field(max_length=512),
        matches(
            r"^[a-z0-9]([a-z0-9./_:-]*[a-z0-9])?@sha256:[a-f0-9]{64}$",
            "must be a container image by digest: name@sha256:...",
            "image-digest",
        ),
    ]
    """Its image; changing it rolls out ring by ring, as a model does."""
    accelerator: Accelerator | None = None
    """What it needs from its node."""


class DeviceClass(Section):
    """What a kind of device can hold and run."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="pod-with-transport",
            cel="(self.transport == 'pod') == has(self.pod)",
            message="pod goes with transport pod",
            check=lambda self: (self.transport == "pod") == (self.pod is not None),
            field=".pod",
        ),
        Rule(
            id="tflm-needs-arena",
            cel="self.runtime != 'tflm' || (has(self.arenaBytes) && has(self.ops))",
            message="runtime tflm needs arenaBytes and ops",
            check=lambda self: self.runtime != "tflm" or (self.arena_bytes is not None and bool(self.ops)),
        ),
    )

    description: Text | None = None
    """The board, for people."""
    runtime: Literal["tflm", "litert", "edgetpu", "savedmodel"]
    """What runs the model."""
    transport: Literal["device", "pod"]
    """Connects by itself (a board, a container, a service), or is a pod that the operator places."""
    slot_bytes: Bytes
    """Largest model that fits into a slot."""
    arena_bytes: Bytes | None = None
    """Tensor arena."""
    ops: Annotated[tuple[Word, ...], items(64), ListKind("set")] = ()
    """Operators that the firmware has linked in; every one of the runtime when absent."""
    min_firmware: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Oldest firmware that this list of operators is true of."""
    tolerance_lsb: Annotated[int, Field(ge=1, le=255), INTEGRAL] | None = None
    """How far golden vectors may be off, in steps of the quantized output; exact when absent."""
    pod: Pod | None = None
    """The inference pod."""
    labels: Annotated[dict[str, LabelValue], Field(min_length=1, max_length=16), WITHOUT_NULLS] | None = None
    """Labels for people and dashboards."""
