"""The field types that documents share, each with its bounds."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from edgefleet.contracts import formats, limits

SchemaVersion: TypeAlias = Literal[1]

DeviceID: TypeAlias = Annotated[str, Field(max_length=formats.DEVICE_ID_MAX, pattern=formats.DEVICE_ID_PATTERN)]
Name: TypeAlias = Annotated[str, Field(max_length=formats.NAME_MAX, pattern=formats.NAME_PATTERN)]
Semver: TypeAlias = Annotated[str, Field(max_length=formats.SEMVER_MAX, pattern=formats.SEMVER_PATTERN)]
Sha256: TypeAlias = Annotated[str, Field(max_length=formats.SHA256_HEX, pattern=formats.SHA256_PATTERN)]
KeyId: TypeAlias = Annotated[str, Field(max_length=formats.KEY_ID_HEX, pattern=formats.KEY_ID_PATTERN)]
FileName: TypeAlias = Annotated[str, Field(max_length=formats.FILE_NAME_MAX, pattern=formats.FILE_NAME_PATTERN)]
Token: TypeAlias = Annotated[str, Field(max_length=formats.TOKEN_MAX, pattern=formats.TOKEN_PATTERN)]
OpName: TypeAlias = Annotated[str, Field(max_length=formats.OP_NAME_MAX, pattern=formats.OP_NAME_PATTERN)]
Instant: TypeAlias = Annotated[str, Field(max_length=formats.INSTANT_MAX, pattern=formats.INSTANT_PATTERN)]
Csr: TypeAlias = Annotated[str, Field(max_length=limits.CSR_MAX, pattern=formats.PEM_PATTERN)]
Certificate: TypeAlias = Annotated[str, Field(max_length=limits.CERTIFICATE_MAX, pattern=formats.PEM_PATTERN)]

Uint32: TypeAlias = Annotated[int, Field(ge=0, le=limits.UINT32_MAX)]
Counter: TypeAlias = Annotated[int, Field(ge=0, le=limits.INT64_MAX)]
SizeBytes: TypeAlias = Annotated[int, Field(ge=0, le=limits.INT31_MAX)]
Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=limits.INT64_MAX)]
SecurityVersion: TypeAlias = Annotated[int, Field(ge=0, le=limits.INT31_MAX)]
# epoch << 32 | sequence; 0 means "none yet" and is never assigned.
Generation: TypeAlias = Annotated[int, Field(ge=1, le=limits.INT64_MAX)]
SeenGeneration: TypeAlias = Annotated[int, Field(ge=0, le=limits.INT64_MAX)]

Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

ModelFormat: TypeAlias = Literal["tflite", "edgetpu", "savedmodel"]
Runtime: TypeAlias = Literal["tflm", "litert", "edgetpu", "savedmodel"]
Accelerator: TypeAlias = Literal["none", "edgetpu", "gpu"]
Role: TypeAlias = Literal["level1", "level2"]
Slot: TypeAlias = Literal["a", "b"]
DType: TypeAlias = Literal["int8", "uint8", "int16", "int32", "float32"]
