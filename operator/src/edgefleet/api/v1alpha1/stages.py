"""The stages of a training round: how and where the Job of each runs."""

from typing import Annotated

from pydantic import Field

from edgefleet.api.rules import matches
from edgefleet.api.scalars import INTEGRAL, Duration, FreeForm, Quantity
from edgefleet.api.structure import WITHOUT_NULLS, Section
from edgefleet.api.v1alpha1.placement import NodeSelector, Tolerations


class Resources(Section):
    """CPU, memory and devices of a Job's container."""

    requests: Annotated[dict[str, Quantity], Field(min_length=1, max_length=8), WITHOUT_NULLS] | None = None
    """What the scheduler sets aside."""
    limits: Annotated[dict[str, Quantity], Field(min_length=1, max_length=8), WITHOUT_NULLS] | None = None
    """What it may use at most."""


class Stage(Section):
    """How and where the Job of one stage runs."""

    image: (
        Annotated[
            str,
            Field(max_length=512),
            matches(
                r"^[a-z0-9]([a-z0-9./_:-]*[a-z0-9])?(@sha256:[a-f0-9]{64})?$",
                "must be the reference of a container image",
                "image-reference",
            ),
        ]
        | None
    ) = None
    """Image of the Job; the chart's when absent."""
    resources: Resources | None = None
    """CPU, memory and devices."""
    node_selector: NodeSelector | None = None
    """Labels that the node must have."""
    tolerations: Tolerations = ()
    """Taints that the pod tolerates."""
    affinity: FreeForm | None = None
    """A Kubernetes affinity, checked when the pod is made."""
    deadline: Duration | None = None
    """How long the stage may take, retries included."""
    retries: Annotated[int, Field(ge=0, le=10), INTEGRAL] = 2
    """How often a failure that may pass is tried again."""


class Stages(Section):
    """The stages; an absent one runs with defaults."""

    data: Stage | None = None
    """Extracts rows and measures drift."""
    train: Stage | None = None
    """Trains and quantizes."""
    preflight: Stage | None = None
    """Proves the artifacts in a sandbox."""
    release: Stage | None = None
    """Signs and publishes."""
