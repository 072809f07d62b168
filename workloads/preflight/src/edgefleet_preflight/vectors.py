"""Golden vectors: what a device must answer to what, so that it can prove itself before it switches.

The answers are those of TensorFlow Lite Micro, the class's own runtime: LiteRT's differ in a few steps of the output.
The inputs follow from the model's digest alone, so that anybody can make them again.
"""

import base64
import ctypes
import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from edgefleet.contracts import formats, limits
from edgefleet.contracts.codec import encode
from edgefleet.contracts.manifest import FeatureSchema, GoldenVector, Manifest, Preflight, Tensor
from edgefleet.contracts.reasons import ContractError
from edgefleet_preflight.sandbox import Sandbox
from edgefleet_preflight.verdicts import Reason, Refused
from edgefleet_tflm import interpreter

# As stored: zero, the least and the most, for signed and for unsigned bytes.
_EXTREMES: Final = {"int8": (0x00, 0x80, 0x7F), "uint8": (0x80, 0x00, 0xFF)}

# glibc fills what malloc hands out, such as the arena, with the complement of this byte.
_LIBC: Final = ctypes.CDLL(None)
_M_PERTURB: Final = -6
_FILLS: Final = (0xFF, 0x55)


class _Answers(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    outputs: list[str] = Field(max_length=limits.VECTORS_MAX)


def make_inputs(digest: str, size: int, dtype: str, count: int) -> list[bytes]:
    """Return inputs: three extremes, then uniform bytes that follow from the digest.

    Args:
        digest: SHA-256 of the model.
        size: bytes of an input.
        dtype: `int8` or `uint8`.
        count: how many.
    """
    extremes = [bytes([value]) * size for value in _EXTREMES[dtype]]
    drawn = [hashlib.shake_256(f"{digest} {index}".encode()).digest(size) for index in range(count)]
    return [*extremes, *drawn][:count]


def make_vectors(
    sandbox: Sandbox, model: bytes, arena_bytes: int, inputs: Sequence[bytes], size: int
) -> list[GoldenVector]:
    """Return what TFLM answers to the inputs.

    Args:
        sandbox: where it runs, twice, from the beginning each time, in memory filled with something else.
        model: bytes that load.
        arena_bytes: the arena that the device will have.
        inputs: of the first input.
        size: bytes that the first output must have.

    Raises:
        Refused: SelfTestFailed, the two runs differ: the model reads memory that it never wrote; PreflightCrashed;
            PreflightTimeout.
    """

    def answer(fill: int) -> dict[str, Any]:
        _LIBC.mallopt(_M_PERTURB, fill)
        try:
            loaded = interpreter.load(model, arena_bytes)
            return {"outputs": [base64.b64encode(loaded.run(each)).decode("ascii") for each in inputs]}
        except interpreter.ModelRefused as refused:
            raise Refused(Reason.MODEL_LOAD_FAILED, f"TensorFlow Lite Micro refuses it: {refused}") from None

    first, second = (sandbox.run(partial(answer, fill), _Answers).outputs for fill in _FILLS)
    if first != second:
        text = "two runs answered the same inputs differently: the model reads memory that it never wrote"
        raise Refused(Reason.SELF_TEST_FAILED, text)
    if len(first) != len(inputs) or any(_count_bytes(each) != size for each in first):
        raise Refused(Reason.PREFLIGHT_CRASHED, f"the check did not answer {len(inputs)} outputs of {size} bytes")
    return [
        GoldenVector(input=base64.b64encode(sent).decode("ascii"), output=got)
        for sent, got in zip(inputs, first, strict=True)
    ]


def fit_vectors(
    vectors: Sequence[GoldenVector], tensors: tuple[Tensor, Tensor], ops: tuple[str, ...]
) -> list[GoldenVector]:
    """Return as many vectors as fit into any manifest of this model, whatever its names are.

    Args:
        vectors: in the order of their worth.
        tensors: input and output.
        ops: operators in use.

    Raises:
        Refused: Unsupported, not even one fits.
    """
    for count in range(len(vectors), 0, -1):
        try:
            encode(_make_widest(tuple(vectors[:count]), tensors, ops))
        except ContractError:
            continue
        return list(vectors[:count])
    text = f"inputs[0] and outputs[0]: not even one golden vector fits into a manifest of {limits.MANIFEST_MAX} bytes"
    raise Refused(Reason.UNSUPPORTED, text)


def _count_bytes(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except ValueError:
        return -1


def _make_widest(vectors: tuple[GoldenVector, ...], tensors: tuple[Tensor, Tensor], ops: tuple[str, ...]) -> Manifest:
    name, digest = "m" * formats.NAME_MAX, "f" * formats.SHA256_HEX
    version = f"1.0.0-{'r' * (formats.SEMVER_MAX - 6)}"
    return Manifest(
        model=name,
        version=version,
        security_version=limits.INT31_MAX,
        device_class=name,
        format="tflite",
        sha256=digest,
        size_bytes=limits.INT31_MAX,
        arena_bytes=limits.INT31_MAX,
        ops=ops,
        feature_schema=FeatureSchema(name=name, digest=digest),
        inputs=tensors[:1],
        outputs=tensors[1:],
        vectors=vectors,
        tolerance_lsb=255,
        min_firmware=version,
        preflight=Preflight(tool=name, version=version, evidence=digest),
    )
