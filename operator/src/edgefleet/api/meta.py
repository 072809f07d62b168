"""What every object has: metadata, conditions and tokens. Must not know any kind.

The checks on metadata repeat the API server's own (apimachinery's validation), so that `edgefleet lint` refuses
offline what the server would refuse.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from edgefleet.api.labels import MetadataLabels
from edgefleet.api.rules import matches
from edgefleet.api.scalars import ObservedGeneration, StatusTime, Word
from edgefleet.api.structure import ListKind, Section, items

GROUP: Final = "edgefleet.io"
API_VERSION: Final = "edgefleet.io/v1alpha1"

TokenName = Literal["approve", "retry", "resume", "unquarantine", "commission"]
"""Break-glass annotations `edgefleet.io/<name>`: a new value asks once; the last one handled stands in status."""


class ObjectMeta(Section):
    """The metadata of an object. A manifest has a name, labels and annotations; the rest comes from the server."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=253),
        matches(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            "must be lower-case letters, digits, '-' and '.', starting and ending with a letter or digit",
            "metadata-name",
        ),
    ]
    namespace: (
        Annotated[
            str,
            Field(max_length=63),
            matches(r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", "must be the name of a namespace", "metadata-namespace"),
        ]
        | None
    ) = None
    labels: Annotated[dict[str, str], MetadataLabels(values=True)] = Field(default_factory=dict)
    annotations: Annotated[dict[str, str], MetadataLabels(values=False)] = Field(default_factory=dict)
    finalizers: Annotated[tuple[str, ...], Field(strict=False)] = ()
    generate_name: str | None = None
    owner_references: list[dict[str, Any]] | None = None
    generation: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    self_link: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    managed_fields: list[dict[str, Any]] | None = None


class Condition(Section):
    """A condition as in Kubernetes' API conventions (metav1.Condition)."""

    type: Word
    """The condition's name, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: ObservedGeneration = -1
    """The generation of the spec that the condition speaks of."""
    last_transition_time: StatusTime
    """When `status` last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=128)]
    """Why, as one CamelCase word."""
    message: Annotated[str, Field(max_length=2048)]
    """Why, as a sentence that names what to mend."""


MergedConditions = Annotated[tuple[Condition, ...], items(16, at_least=0), ListKind("map", ("type",))]
AtomicConditions = Annotated[tuple[Condition, ...], items(16, at_least=0), ListKind("atomic")]


class HandledToken(Section):
    """The last value of a token annotation that was acted on."""

    name: TokenName
    """Which annotation."""
    value: Annotated[str, Field(max_length=253)]
    """Its value."""
    at: StatusTime
    """When it was handled."""


HandledTokens = Annotated[tuple[HandledToken, ...], items(8, at_least=0), ListKind("map", ("name",))]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`. `priority` 1 shows it with `-o wide` only."""

    name: str
    json_path: str
    type: Literal["string", "integer", "number", "boolean", "date"] = "string"
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """How a kind presents itself to the API server and kubectl.

    Attributes:
        plural: Resource name in URLs; `kubectl get <plural>`.
        short_names: Further names; kubectl prefers another CRD's exact plural over them.
        categories: Groups of kinds; "all" makes `kubectl get all` list it.
        columns: Of `kubectl get`; AGE comes last by itself.
        selectable: JSON paths usable in `--field-selector` (at most 8).
    """

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()


class Resource(Section):
    """An object of one of the four kinds: `apiVersion`, `kind`, `metadata`, `spec`, `status`."""

    definition: ClassVar[Definition]

    metadata: ObjectMeta

    def to_json_object(self) -> dict[str, Any]:
        """Returns the object as JSON, its parts in the usual order."""
        written = super().to_json_object()
        return {part: written[part] for part in ("apiVersion", "kind", "metadata", "spec", "status") if part in written}

    @property
    def where(self) -> str:
        """The object as a person names it: "RolloutRing plant-1/canary"."""
        prefix = f"{self.metadata.namespace}/" if self.metadata.namespace else ""
        return f"{self.definition.kind} {prefix}{self.metadata.name}"
