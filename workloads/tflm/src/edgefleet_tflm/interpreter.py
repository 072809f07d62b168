"""A model on TensorFlow Lite Micro: loading it into an arena of a given size, and running it.

TFLM is no validator: a damaged model can take the whole process with it. Whoever loads a model that nobody has proven
does so in a process of its own (`server`), and reads that process's death as the verdict.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

_Result = TypeVar("_Result")

_STDERR: Final = 2
_SAID_MAX: Final = 65536  # a pipe's capacity; what TFLM says beyond it is dropped
_ARENA_USED: Final = re.compile(r"Arena allocation total (\d+) bytes")


class ModelRefused(Exception):  # noqa: N818 - an answer, not a fault of the program
    """TFLM will not load or run this model; the text is its own, made one line."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output.

    Attributes:
        name: as the model gives it, possibly empty.
        shape: elements a dimension.
        dtype: NumPy's name, such as `int8`.
        scale: of the quantisation, None without one.
        zero_point: of the quantisation, None without one.
        size_bytes: of its data.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    size_bytes: int


class Interpreter:
    """A loaded model.

    Attributes:
        inputs: in the model's order.
        outputs: in the model's order.
        arena_used: bytes that TFLM accounts for; allocating needs more (planner temporaries), so this is no minimum.
    """

    def __init__(self, model: bytes, loaded: Any, *, listen: bool) -> None:
        """Wrap an interpreter of the wheel; use `load`."""
        self._model = model  # TFLM reads weights in place
        self._loaded = loaded
        self._listen = listen
        graph: Any = schema.Model.GetRootAsModel(model, 0).Subgraphs(0)
        self.inputs = tuple(
            _describe(graph, graph.Inputs(index), loaded.get_input_details(index))
            for index in range(graph.InputsLength())
        )
        self.outputs = tuple(
            _describe(graph, graph.Outputs(index), loaded.get_output_details(index))
            for index in range(graph.OutputsLength())
        )
        _, said = _listen(loaded.print_allocations)
        found = _ARENA_USED.search(said)
        if found is None:
            raise ModelRefused("the interpreter does not say how much of its arena it uses")
        self.arena_used = int(found[1])

    def run(self, data: bytes) -> bytes:
        """Run the model once.

        Args:
            data: the first input's bytes, as they lie in memory.

        Returns:
            The first output's bytes.

        Raises:
            ModelRefused: another number of bytes than the input has, or TFLM's own error.
        """
        first = self.inputs[0]
        if len(data) != first.size_bytes:
            raise ModelRefused(f"the input has {first.size_bytes} bytes, not {len(data)}")
        values = np.frombuffer(data, dtype=first.dtype).reshape(first.shape)
        return _try("run", lambda: self._invoke(values), listen=self._listen).tobytes()

    def forget(self) -> None:
        """Set the variable tensors back, such as the state of a recurrent layer: the next run is as the first."""
        self._loaded.reset()

    def _invoke(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self._loaded.set_input(values, 0)
        self._loaded.invoke()
        return self._loaded.get_output(0)


def load(model: bytes, arena_bytes: int, *, listen: bool = True) -> Interpreter:
    """Load a model.

    Args:
        model: a TensorFlow Lite flatbuffer.
        arena_bytes: memory for tensors; a host of 64 bits needs more of it than a microcontroller.
        listen: whether refusals carry TFLM's own words. False leaves standard error alone, here and in `run`, for a
            parent that reads it: then a crash does not take the last words with it.

    Raises:
        ModelRefused: not a model, an operator that TFLM lacks, an arena too small; the text says which.
    """

    def allocate() -> Interpreter:
        loaded = runtime.Interpreter.from_bytes(
            model,
            custom_op_registerers=[],
            arena_size=arena_bytes,
            intrepreter_config=runtime.InterpreterConfig.kAllocationRecording,  # sic
        )
        return Interpreter(model, loaded, listen=listen)

    return _try("load", allocate, listen=listen)


def _try(what: str, action: Callable[[], _Result], *, listen: bool) -> _Result:
    try:
        result = _listen(action)[0] if listen else action()
    except ModelRefused:
        raise
    except Exception as error:  # noqa: BLE001 - the wheel's parser raises whatever it trips over
        said = getattr(error, "said", "")
        text = "; ".join(line.strip() for line in said.splitlines() if line.strip())
        raise ModelRefused(f"{what}: {text or f'{type(error).__name__}: {error}'}") from None
    return result


def _listen(action: Callable[[], _Result]) -> tuple[_Result, str]:
    """Do something and return also what C code wrote to standard error meanwhile.

    TFLM gives its reasons nowhere else. An exception gets the text as its attribute `said`.
    """
    # A pipe, not a file: the limits of a child may forbid files.
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    kept = os.dup(_STDERR)
    try:
        os.dup2(writer, _STDERR)
        try:
            result = action()
        except Exception as error:
            error.said = _drain(reader)  # type: ignore[attr-defined]
            raise
        return result, _drain(reader)
    finally:
        os.dup2(kept, _STDERR)
        for each in (kept, writer, reader):
            os.close(each)


def _drain(reader: int) -> str:
    try:
        return os.read(reader, _SAID_MAX).decode("utf-8", "replace")
    except BlockingIOError:
        return ""


def _describe(graph: Any, index: int, details: dict[str, Any]) -> Tensor:
    shape = tuple(int(each) for each in details["shape"])
    dtype = np.dtype(details["dtype"])
    scales = details["quantization_parameters"]["scales"]
    zero_points = details["quantization_parameters"]["zero_points"]
    return Tensor(
        name=(graph.Tensors(index).Name() or b"").decode("utf-8", "replace"),
        shape=shape,
        dtype=dtype.name,
        scale=float(scales[0]) if len(scales) else None,
        zero_point=int(zero_points[0]) if len(zero_points) else None,
        size_bytes=int(np.prod(shape, dtype=np.int64)) * dtype.itemsize,
    )
