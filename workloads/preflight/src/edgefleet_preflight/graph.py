"""What a TensorFlow Lite flatbuffer says of itself: operators, inputs, outputs. Runs in the sandbox only.

LiteRT's verifier goes first: it finds what would send a reader outside of the buffer. What it passes is then read in
pure Python, which a bad offset cannot crash.
"""

from typing import Annotated, Any, Final

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from pydantic import BaseModel, ConfigDict, Field
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from edgefleet_preflight.verdicts import Reason, Refused

_IDENTIFIER: Final = b"TFL3"
_DYNAMIC: Final = -1
_LISTED_MAX: Final = 256

_TYPES: Final = {number: name.lower() for name, number in vars(schema.TensorType).items() if isinstance(number, int)}
_BUILTINS: Final = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}


class _Figures(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class TensorFigures(_Figures):
    """One input or output as the file has it; a dimension of -1 is dynamic."""

    name: str = Field(max_length=256)
    shape: list[int] = Field(max_length=16)
    dtype: str = Field(max_length=32)
    scales: list[float] = Field(max_length=4)
    zero_points: list[int] = Field(max_length=4)


class Operator(_Figures):
    """An operator in use, with the version of its parameters."""

    name: str = Field(max_length=256)
    version: Annotated[int, Field(ge=-(2**31), lt=2**31)]


class Graph(_Figures):
    """The file's own description."""

    version: int
    subgraphs: int
    operators: list[Operator] = Field(max_length=_LISTED_MAX)
    inputs: list[TensorFigures] = Field(max_length=16)
    outputs: list[TensorFigures] = Field(max_length=16)


def read_graph(model: bytes) -> dict[str, Any]:
    """Return a model's `Graph` as a JSON value.

    Args:
        model: bytes that nobody has proven.

    Raises:
        Refused: ModelLoadFailed, it is no model.
    """
    _verify(model)
    try:
        root: Any = schema.Model.GetRootAsModel(model, 0)
        graphs = [root.Subgraphs(index) for index in range(root.SubgraphsLength())]
        first = graphs[0]
        return {
            "version": root.Version(),
            "subgraphs": len(graphs),
            "operators": _list_operators(root, graphs),
            "inputs": [_describe(first, first.Inputs(index)) for index in range(first.InputsLength())],
            "outputs": [_describe(first, first.Outputs(index)) for index in range(first.OutputsLength())],
        }
    except (MemoryError, Refused):
        raise
    except Exception as problem:  # noqa: BLE001 - the generated reader raises whatever it trips over
        raise Refused(Reason.MODEL_LOAD_FAILED, f"the file's structure is broken: {problem}") from None


def _verify(model: bytes) -> None:
    if model[4:8] != _IDENTIFIER:
        raise Refused(Reason.MODEL_LOAD_FAILED, "no TensorFlow Lite model: bytes 4 to 7 are not TFL3")
    # Without delegates: nothing is compiled or given to threads only to be read.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        Interpreter(model_content=model, experimental_op_resolver_type=plain, num_threads=1)
    except (ValueError, RuntimeError) as problem:
        raise Refused(Reason.MODEL_LOAD_FAILED, f"LiteRT refuses it: {problem}") from None


def _list_operators(root: Any, graphs: list[Any]) -> list[dict[str, Any]]:
    """Returns the operators that any node uses, each version once; codes that no node uses do not matter."""
    used: dict[int, None] = {}
    for graph in graphs:
        for index in range(graph.OperatorsLength()):
            used[graph.Operators(index).OpcodeIndex()] = None
    known = root.OperatorCodesLength()
    found: dict[tuple[str, int], None] = {}
    for index in used:
        if index >= known:
            raise Refused(Reason.MODEL_LOAD_FAILED, f"a node uses operator code {index} of {known}")
        found[_name_operator(root.OperatorCodes(index)), root.OperatorCodes(index).Version()] = None
    if len(found) > _LISTED_MAX:
        raise Refused(Reason.UNSUPPORTED, f"it uses {len(found)} operators")
    return [{"name": name, "version": version} for name, version in sorted(found)]


def _name_operator(code: Any) -> str:
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == schema.BuiltinOperator.CUSTOM:
        return (code.CustomCode() or b"CUSTOM").decode("utf-8", "replace")[:256]
    return _BUILTINS.get(number, f"BUILTIN_{number}")


def _describe(graph: Any, index: int) -> dict[str, Any]:
    if not 0 <= index < graph.TensorsLength():
        raise Refused(Reason.MODEL_LOAD_FAILED, f"an input or output names tensor {index} of {graph.TensorsLength()}")
    tensor = graph.Tensors(index)
    shape = [int(tensor.Shape(each)) for each in range(tensor.ShapeLength())]
    if tensor.ShapeSignatureLength() == len(shape):
        # The signature says which dimensions the shape only gives an example of.
        shape = [_DYNAMIC if tensor.ShapeSignature(each) == _DYNAMIC else size for each, size in enumerate(shape)]
    quantization = tensor.Quantization()
    scales, zero_points = ([], [])
    if quantization is not None:
        scales = [float(quantization.Scale(each)) for each in range(min(quantization.ScaleLength(), 4))]
        zero_points = [int(quantization.ZeroPoint(each)) for each in range(min(quantization.ZeroPointLength(), 4))]
    return {
        "name": (tensor.Name() or b"").decode("utf-8", "replace")[:256],
        "shape": shape[:16],
        "dtype": _TYPES.get(tensor.Type(), f"type {tensor.Type()}"),
        "scales": scales,
        "zero_points": zero_points,
    }
