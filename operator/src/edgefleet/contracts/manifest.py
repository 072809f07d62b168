"""What the release key signs about one model artifact for one device class."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from edgefleet.contracts import formats, limits
from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.fields import (
    DType,
    ModelFormat,
    Name,
    OpName,
    SchemaVersion,
    SecurityVersion,
    Semver,
    Sha256,
    SizeBytes,
)

_Base64: TypeAlias = Annotated[str, Field(max_length=limits.MANIFEST_MAX, pattern=formats.BASE64_PATTERN)]


class FeatureSchema(Part):
    """The features the model was trained on; the digest is over the schema's own document."""

    name: Name
    digest: Sha256


class Tensor(Part):
    """One input or output of the model, without its quantisation when it has none."""

    name: Annotated[str, Field(min_length=1, max_length=limits.TENSOR_NAME_MAX)]
    shape: Annotated[
        tuple[Annotated[int, Field(ge=1, le=limits.INT31_MAX)], ...],
        Field(strict=False, min_length=1, max_length=limits.DIMENSIONS_MAX),
    ]
    dtype: DType
    scale: Annotated[float, Field(ge=1e-30, le=1e30, allow_inf_nan=False)] | None = None
    zero_point: Annotated[int, Field(ge=-limits.INT31_MAX - 1, le=limits.INT31_MAX)] | None = None


_Tensors: TypeAlias = Annotated[tuple[Tensor, ...], Field(strict=False, min_length=1, max_length=limits.TENSORS_MAX)]


class GoldenVector(Part):
    """Input bytes of the first input and the bytes that the class's own runtime answered on the first output."""

    input: _Base64
    output: _Base64


class Preflight(Part):
    """The attestation that this artifact passed; there is no other kind of signed manifest."""

    tool: Name
    version: Semver
    passed: Literal[True] = True
    evidence: Sha256


class Manifest(Document):
    """One artifact: its bytes, what it needs, and how a device proves that it computes what the trainer saw."""

    kind: ClassVar[Kind] = Kind.MANIFEST
    max_bytes: ClassVar[int] = limits.MANIFEST_MAX

    schema_version: SchemaVersion = 1
    model: Name
    version: Semver
    # Rises only when older versions must never run again; a device refuses less than it has accepted.
    security_version: SecurityVersion
    device_class: Name
    format: ModelFormat
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=1, le=limits.INT31_MAX)]
    arena_bytes: SizeBytes
    ops: Annotated[tuple[OpName, ...], Field(strict=False, max_length=limits.OPS_MAX)]
    feature_schema: FeatureSchema
    inputs: _Tensors
    outputs: _Tensors
    vectors: Annotated[tuple[GoldenVector, ...], Field(strict=False, min_length=1, max_length=limits.VECTORS_MAX)]
    # Largest difference to a vector's output, in units of the output's last place.
    tolerance_lsb: Annotated[int, Field(ge=0, le=255)]
    min_firmware: Semver | None = None
    preflight: Preflight
