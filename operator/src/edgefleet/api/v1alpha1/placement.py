"""Which nodes a pod may run on, for inference pods and training Jobs alike."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefleet.api.labels import LabelKey, LabelValue
from edgefleet.api.rules import Rule
from edgefleet.api.scalars import Count
from edgefleet.api.structure import WITHOUT_NULLS, ListKind, Section, items


class Toleration(Section):
    """A Kubernetes toleration."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="toleration-value",
            cel="self.operator == 'Equal' ? has(self.key) : !has(self.value)",
            message="Equal needs a key, Exists must have no value",
            check=lambda self: self.key is not None if self.operator == "Equal" else self.value is None,
        ),
    )

    key: LabelKey | None = None
    """The taint's key; every taint when absent with Exists."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """How the taint's value is compared."""
    value: LabelValue | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; any when absent."""
    toleration_seconds: Count | None = None
    """How long a NoExecute taint is tolerated; for ever when absent."""


NodeSelector = Annotated[dict[str, LabelValue], Field(min_length=1, max_length=16), WITHOUT_NULLS]
Tolerations = Annotated[tuple[Toleration, ...], items(16), ListKind("atomic")]
