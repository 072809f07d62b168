"""A small int8 model, written without TensorFlow: dense layers on random weights, then optionally a sigmoid.

Valid for TensorFlow Lite Micro and for LiteRT, and the same bytes for the same arguments. Another seed is another model
with other answers.
"""

import itertools
import random
from collections.abc import Sequence
from typing import Any, Final, Literal

import flatbuffers
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

INPUT_SCALE: Final = 1 / 64
_WEIGHT_SCALE: Final = 1 / 128
_LAYER_SCALE: Final = 1 / 32
# What the kernels demand of a sigmoid's output.
_SIGMOID_SCALE: Final = 1 / 256
_SIGMOID_ZERO_POINT: Final = -128
# Of an SVDF's memory: how much it quantises, and how many inputs it holds.
_STATE_SCALE: Final = 1 / 1024
_MEMORY: Final = 3
_ALIGNMENT: Final = 16  # of a buffer's data, by the schema; Python's writer does not do it by itself


def build(
    seed: int = 1, *, inputs: int = 4, outputs: int = 1, hidden: Sequence[int] = (8,), sigmoid: bool = True
) -> bytes:
    """Return a model's bytes.

    Args:
        seed: of the weights.
        inputs: width of the int8 input, shape (1, inputs).
        outputs: width of the int8 output, shape (1, outputs).
        hidden: widths of the layers between them; a wide one makes a big file.
        sigmoid: whether LOGISTIC follows the last FULLY_CONNECTED.
    """
    draw = random.Random(seed)
    graph = _Graph(f"tiny {seed}", inputs)
    widths = [inputs, *hidden, outputs]
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        weights = bytes(draw.randrange(256) for _ in range(before * after))
        biases = [draw.randrange(-512, 512) for _ in range(after)]
        graph.add_dense(before, after, weights, biases, relu=index < len(widths) - 2)
    if sigmoid:
        graph.add_sigmoid(outputs)
    return graph.encode()


def parse(model: bytes) -> Any:
    """Return the schema's ModelT of a model, to be changed and given to `encode`."""
    return schema.ModelT.InitFromPackedBuf(model, 0)


def encode(model: Any) -> bytes:
    """Write a ModelT down."""
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def build_crashing(when: Literal["load", "run"], seed: int = 1) -> bytes:
    """Return a well-formed flatbuffer that takes TFLM's process with it when it is loaded, or not before it runs."""
    model = parse(build(seed))
    graph = model.subgraphs[0]
    if when == "load":
        graph.operators[0].outputs = [2**30]  # a tensor that the model does not have
    else:
        graph.tensors[1].shape = [8, 2**30]  # weights far beyond the end of their buffer
    return encode(model)


def build_remembering(seed: int = 1, *, inputs: int = 4, outputs: int = 4) -> bytes:
    """Return a model whose answer depends on the runs before: one SVDF layer, which remembers three inputs."""
    graph = _Graph(f"memory {seed}", inputs)
    graph.add_memory(inputs, outputs, random.Random(seed))
    return graph.encode()


class _AlignedBuffer(schema.BufferT):
    """A buffer whose data lies where a microcontroller can read it in place."""

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the generated name
        if self.data is None:
            schema.BufferStart(builder)
            return schema.BufferEnd(builder)
        data = bytes(self.data)
        builder.StartVector(1, len(data), _ALIGNMENT)
        head = builder.head - len(data)
        builder.head = head
        builder.Bytes[head : head + len(data)] = data
        offset = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, offset)
        return schema.BufferEnd(builder)


class _Graph:
    """A chain of operators, each reading the tensor before it."""

    def __init__(self, name: str, inputs: int) -> None:
        self._name = name
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[tuple[int, int]] = []
        self._buffers: list[Any] = [_AlignedBuffer()]  # the first one is empty, by the schema
        self._last = self._add_tensor("input", [1, inputs], INPUT_SCALE)

    def add_dense(self, before: int, after: int, weights: bytes, biases: Sequence[int], *, relu: bool) -> None:
        """Add a FULLY_CONNECTED; the input's scale is that of the tensor before it."""
        step = len(self._operators)
        scale = self._tensors[self._last].quantization.scale[0]
        kernel = self._add_tensor(f"weights{step}", [after, before], _WEIGHT_SCALE, data=weights)
        packed = b"".join(each.to_bytes(4, "little", signed=True) for each in biases)
        bias = self._add_tensor(
            f"bias{step}", [after], scale * _WEIGHT_SCALE, data=packed, type_=schema.TensorType.INT32
        )
        output = self._add_tensor(f"dense{step}", [1, after], _LAYER_SCALE)
        options = schema.FullyConnectedOptionsT(
            fusedActivationFunction=schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE
        )
        self._add_operator(
            schema.BuiltinOperator.FULLY_CONNECTED,
            [self._last, kernel, bias],
            output,
            version=4,  # the first with int8
            builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
            builtinOptions=options,
        )

    def add_memory(self, before: int, after: int, draw: random.Random) -> None:
        """Add an SVDF of rank 1; its memory is a variable tensor."""
        features = bytes(draw.randrange(256) for _ in range(before * after))
        times = [draw.randrange(-20000, 20000) for _ in range(_MEMORY * after)]
        packed = b"".join(each.to_bytes(2, "little", signed=True) for each in times)
        wide = schema.TensorType.INT16
        inputs = [
            self._last,
            self._add_tensor("features", [after, before], _WEIGHT_SCALE, data=features),
            self._add_tensor("times", [after, _MEMORY], _WEIGHT_SCALE, data=packed, type_=wide),
            self._add_tensor(
                "bias", [after], _STATE_SCALE * _WEIGHT_SCALE, data=bytes(4 * after), type_=schema.TensorType.INT32
            ),
            self._add_tensor("memory", [1, _MEMORY * after], _STATE_SCALE, type_=wide),
        ]
        self._tensors[-1].isVariable = True
        self._tensors[-1].buffer = 0
        options = schema.SVDFOptionsT()
        options.rank = 1
        output = self._add_tensor("remembered", [1, after], _LAYER_SCALE)
        self._add_operator(
            schema.BuiltinOperator.SVDF,
            inputs,
            output,
            version=3,
            builtinOptionsType=schema.BuiltinOptions.SVDFOptions,
            builtinOptions=options,
        )

    def add_sigmoid(self, width: int) -> None:
        """Add a LOGISTIC."""
        output = self._add_tensor("sigmoid", [1, width], _SIGMOID_SCALE, zero_point=_SIGMOID_ZERO_POINT)
        self._add_operator(schema.BuiltinOperator.LOGISTIC, [self._last], output, version=2)

    def encode(self) -> bytes:
        """Write the model down."""
        graph = schema.SubGraphT(
            name="main", tensors=self._tensors, inputs=[0], outputs=[self._last], operators=self._operators
        )
        codes = [
            schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=version)
            for code, version in self._codes
        ]
        return encode(
            schema.ModelT(
                version=3, operatorCodes=codes, subgraphs=[graph], buffers=self._buffers, description=self._name
            )
        )

    def _add_tensor(
        self,
        name: str,
        shape: list[int],
        scale: float,
        *,
        zero_point: int = 0,
        data: bytes | None = None,
        type_: int = schema.TensorType.INT8,
    ) -> int:
        self._buffers.append(_AlignedBuffer(data=data))
        self._tensors.append(
            schema.TensorT(
                name=name,
                shape=shape,
                type=type_,
                buffer=len(self._buffers) - 1,
                quantization=schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero_point]),
            )
        )
        return len(self._tensors) - 1

    def _add_operator(self, code: int, inputs: list[int], output: int, *, version: int, **options: Any) -> None:
        if (code, version) not in self._codes:
            self._codes.append((code, version))
        index = self._codes.index((code, version))
        self._operators.append(schema.OperatorT(opcodeIndex=index, inputs=inputs, outputs=[output], **options))
        self._last = output
