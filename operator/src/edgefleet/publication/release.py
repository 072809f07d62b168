"""What is published: names and figures that a person gives, checked by the API's own types before any work is done."""

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ValidationError

from edgefleet.api.scalars import Count, ModelName, Name, Version
from edgefleet.api.structure import Section, items
from edgefleet.api.v1alpha1.modelversion import FeatureSchema, Lineage, Metric
from edgefleet.contracts.features import SCHEMAS, digest_of
from edgefleet.contracts.manifest import FeatureSchema as SignedFeatureSchema
from edgefleet.manifests.findings import format_path
from edgefleet.manifests.objects import as_mapping, describe


class NotPublishableError(Exception):
    """What was given cannot become a ModelVersion; each line of the text names a field or a file."""


class Release(Section):
    """One version of one model, before its files are looked at."""

    model: ModelName
    """The model."""
    version: Version
    """Its version."""
    security_version: Count = 0
    """Rises only when older versions must never run again."""
    namespace: Name | None = None
    """Of the ModelVersion."""
    feature_schema: FeatureSchema
    """The features behind the inputs."""
    metrics: Annotated[tuple[Metric, ...], items(32, at_least=0)] = ()
    """What was measured before release."""
    lineage: Lineage | None = None
    """Where the version comes from."""

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """Returns a release.

        Raises:
            NotPublishableError: one line for each field at fault.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as problem:
            raise NotPublishableError(describe_faults(problem, cls)) from None

    @property
    def name(self) -> str:
        """The ModelVersion's name."""
        return f"{self.model}-{self.version}"


def describe_faults(problem: ValidationError, kind: type[Section]) -> str:
    """Returns one line for each field at fault, in the words of `edgefleet lint`."""
    faults = (describe(each, kind) for each in problem.errors(include_url=False))
    return "\n".join(f"{format_path(path)}: {message}" for path, _, message in faults)


def read_feature_schema(file: Path) -> FeatureSchema:
    """Returns name and digest of a feature schema, whatever else its document says.

    Args:
        file: a JSON object with `name`; the digest is over its canonical JSON. Or the name alone of a schema that the
            wire contract defines.

    Raises:
        NotPublishableError: unreadable, without a name that the API takes, or a name of the contract's with another
            definition, which every device would refuse.
    """
    defined = SCHEMAS.get(str(file))
    if defined is not None and not file.exists():
        return FeatureSchema(name=defined.name, digest=defined.digest())
    try:
        tree = json.loads(file.read_bytes())
        digest = digest_of(tree)
    except OSError as problem:
        raise NotPublishableError(f"{file}: {problem.strerror}") from None
    except (ValueError, RecursionError):
        raise NotPublishableError(f"{file}: no JSON") from None
    fields = {"name": as_mapping(tree).get("name"), "digest": digest}
    try:
        signed = SignedFeatureSchema.model_validate(fields)
    except ValidationError:
        rule = 'name is lower-case letters, digits and "-", such as motor-level1'
        raise NotPublishableError(f"{file}: a feature schema is an object whose {rule}") from None
    defined = SCHEMAS.get(signed.name)
    if defined is not None and defined.digest() != signed.digest:
        rule = f"another definition of {signed.name} than the devices' (sha256:{defined.digest()})"
        raise NotPublishableError(f"{file}: {rule}; give one of your own another name")
    return FeatureSchema(name=signed.name, digest=signed.digest)
