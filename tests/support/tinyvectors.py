"""Golden vectors of a tiny model: what TensorFlow Lite Micro answers."""

import base64

from edgefleet.contracts.manifest import GoldenVector
from edgefleet_tflm.interpreter import load

_INPUTS = (bytes([0, 0, 0, 0]), bytes([10, 246, 30, 200]), bytes([127, 128, 127, 128]))


def make_vectors(content: bytes) -> tuple[GoldenVector, ...]:
    """Return vectors for a model with four int8 inputs."""
    interpreter = load(content, 65536)
    return tuple(
        GoldenVector(input=base64.b64encode(each).decode(), output=base64.b64encode(interpreter.run(each)).decode())
        for each in _INPUTS
    )
