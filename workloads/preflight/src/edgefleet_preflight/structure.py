"""Whether a device of the class could feed the model and read its answer: judged on figures, never on the file."""

import math
import re
from collections.abc import Sequence
from typing import Final

from edgefleet.contracts import formats, limits
from edgefleet.contracts.manifest import Tensor
from edgefleet_preflight.graph import Graph, TensorFigures
from edgefleet_preflight.verdicts import Reason, Refused, to_line

_SCHEMA_VERSION: Final = 3
_DTYPES: Final = ("int8", "uint8")
_NAME_MAX: Final = 63  # the API's Word, one less than the contract's
_UNNAMEABLE: Final = re.compile(r"[^A-Za-z0-9_.:/-]")
_SCALE_MIN: Final = 1e-30
_SCALE_MAX: Final = 1e15
_OP_NAME: Final = re.compile(formats.OP_NAME_PATTERN[:-1] + r"\Z")


def judge_structure(graph: Graph) -> tuple[Tensor, Tensor]:
    """Return the input and the output as a manifest names them.

    Raises:
        Refused: Unsupported, with the field at fault and what it should be.
    """
    if graph.version != _SCHEMA_VERSION:
        raise Refused(
            Reason.UNSUPPORTED, f"version: {graph.version}, the schema that devices read is {_SCHEMA_VERSION}"
        )
    if graph.subgraphs != 1:
        raise Refused(Reason.UNSUPPORTED, f"subgraphs: {graph.subgraphs}, a device runs models of one")
    return _only("inputs", graph.inputs), _only("outputs", graph.outputs)


def judge_operators(graph: Graph, allowed: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the operators in use, sorted.

    Args:
        graph: of the model.
        allowed: what the class's firmware has linked in; everything when empty.

    Raises:
        Refused: OpUnsupported, naming what is missing.
    """
    used = sorted({each.name for each in graph.operators})
    # Before they are shown: the name of a custom operator is whatever the file says.
    unnameable = [to_line(name, 64) for name in used if _OP_NAME.match(name) is None]
    missing = unnameable or [name for name in used if allowed and name not in allowed]
    if missing:
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        has = ", ".join(allowed) or "those with a name"
        text = f"operator {', '.join(missing[:8])}{more} is not in the class, which has {has}"
        raise Refused(Reason.OP_UNSUPPORTED, to_line(text))
    if len(used) > limits.OPS_MAX:
        raise Refused(Reason.UNSUPPORTED, f"{len(used)} operators, a manifest names at most {limits.OPS_MAX}")
    return tuple(used)


def _only(field: str, tensors: list[TensorFigures]) -> Tensor:
    """Returns the only tensor of a list as a manifest names it."""
    if len(tensors) != 1:
        raise Refused(Reason.UNSUPPORTED, f"{field}: {len(tensors)}, a device feeds one and reads one")
    tensor = tensors[0]
    name = _UNNAMEABLE.sub("_", tensor.name)[:_NAME_MAX] or field[:-1]
    where = f"{field}[0] {name}"
    _judge_shape(where, tensor.shape)
    if tensor.dtype not in _DTYPES:
        rule = f"the class takes {' or '.join(_DTYPES)}: quantize the model fully"
        text = f"{where}: dtype {to_line(tensor.dtype, 32)}, {rule}"
        raise Refused(Reason.UNSUPPORTED, text)
    if len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
        text = f"{where}: {len(tensor.scales)} scales and {len(tensor.zero_points)} zero points, one of each is needed"
        raise Refused(Reason.UNSUPPORTED, text)
    scale, zero_point = tensor.scales[0], tensor.zero_points[0]
    low, high = (-128, 127) if tensor.dtype == "int8" else (0, 255)
    if not (_SCALE_MIN <= scale <= _SCALE_MAX and low <= zero_point <= high):
        raise Refused(Reason.UNSUPPORTED, f"{where}: scale {scale:g} and zero point {zero_point} are out of range")
    return Tensor(name=name, shape=tuple(tensor.shape), dtype=tensor.dtype, scale=scale, zero_point=zero_point)


def _judge_shape(where: str, shape: list[int]) -> None:
    shown = "x".join(map(str, shape)) or "none"
    if not 1 <= len(shape) <= limits.DIMENSIONS_MAX:
        rule = f"1 to {limits.DIMENSIONS_MAX} dimensions are supported"
    elif any(size < 1 for size in shape):
        rule = "every dimension must be fixed: convert with a batch size of 1"
    elif shape[0] != 1:
        rule = "the first dimension is the batch, which is 1 on a device"
    elif math.prod(shape) > limits.MANIFEST_MAX:
        rule = f"a golden vector of more than {limits.MANIFEST_MAX} bytes does not fit into a manifest"
    else:
        return
    raise Refused(Reason.UNSUPPORTED, f"{where}: shape {shown}: {rule}")
