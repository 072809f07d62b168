"""The smallest arena in which TensorFlow Lite Micro loads and runs a model, found by trying.

What TFLM prints is what it keeps, not what it needs while it plans, so the only honest figure is one that was tried. A
process a trial: too small an arena can take the process with it.

A host of 64 bits needs more than a microcontroller of 32, so the figure is safe there. Only convolutions may need more
on a device: kernels that its vendor optimized ask for scratch memory of their own.
"""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from edgefleet_preflight.sandbox import Sandbox
from edgefleet_preflight.verdicts import Reason, Refused
from edgefleet_tflm import interpreter

ALIGNMENT: Final = 16
LARGEST: Final = 16 * 1024 * 1024
"""More than any microcontroller has; a model that does not load in it does not load."""


class _Trial(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    runs: bool
    said: str = Field(default="", max_length=4096)


def find_smallest_arena(sandbox: Sandbox, model: bytes, likely: int) -> int:
    """Return the smallest arena in bytes, a multiple of `ALIGNMENT`.

    Args:
        sandbox: where each trial runs.
        model: bytes with a structure that was verified.
        likely: a size that is probably enough, such as the class's; it saves trials.

    Raises:
        Refused: ModelLoadFailed or PreflightCrashed with TFLM's last words, when it does not even run in `LARGEST`;
            PreflightTimeout.
    """
    first = _try_largest(sandbox, model)
    if not first.runs:
        raise Refused(Reason.MODEL_LOAD_FAILED, f"TensorFlow Lite Micro refuses it: {first.said}")
    too_small, enough = 0, LARGEST // ALIGNMENT
    size = min(likely // ALIGNMENT, enough - 1)
    while enough - too_small > 1:
        if too_small < size < enough and _runs(sandbox, model, size * ALIGNMENT):
            enough = size
        else:
            too_small = max(too_small, size)
        size = (too_small + enough) // 2
    return enough * ALIGNMENT


def add_margin(smallest: int, ops: tuple[str, ...]) -> tuple[int, str]:
    """Return the arena that a device must have, and why it is not the smallest."""
    if not any("CONV" in op for op in ops):
        return smallest, ""
    padded = -(-smallest * 5 // 4 // ALIGNMENT) * ALIGNMENT
    return padded, f"{smallest} and 25 % for the scratch memory of a device's own convolution kernels"


def _try_largest(sandbox: Sandbox, model: bytes) -> _Trial:
    try:
        return sandbox.run(lambda: _try_arena(model, LARGEST), _Trial)
    except Refused as refused:
        if refused.reason is Reason.PREFLIGHT_CRASHED:
            # What TFLM said died with the process that was listening to itself; this time the parent listens.
            sandbox.run(lambda: _try_arena(model, LARGEST, listen=False), _Trial)
        raise


def _runs(sandbox: Sandbox, model: bytes, arena_bytes: int) -> bool:
    try:
        return sandbox.run(lambda: _try_arena(model, arena_bytes), _Trial).runs
    except Refused as refused:
        if refused.reason is Reason.PREFLIGHT_CRASHED:
            return False
        raise


def _try_arena(model: bytes, arena_bytes: int, *, listen: bool = True) -> dict[str, Any]:
    try:
        loaded = interpreter.load(model, arena_bytes, listen=listen)
        loaded.run(bytes(loaded.inputs[0].size_bytes))
    except interpreter.ModelRefused as refused:
        return {"runs": False, "said": str(refused)[:4096]}
    return {"runs": True}
