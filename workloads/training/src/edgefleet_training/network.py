"""The network, its training, and how well it tells faults on machines it has never seen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np

# Before the import that reads them; oneDNN sums in an order of its own, which would change with the machine's load.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
import keras  # pyright: ignore[reportMissingImports] - in training's own environment
import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource] - same

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgefleet_training.motors import Windows

LAYERS: Final = (60, 30, 10)
_BATCH: Final = 128


def train(windows: Windows, *, seed: int, epochs: int) -> Any:
    """Return a trained Keras model, four inputs to one score; equal arguments give equal weights on one machine."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # The batch is part of the graph: a dynamic one becomes operators that no microcontroller has.
    layers = [keras.layers.Dense(units, activation="relu") for units in LAYERS]
    body = [keras.layers.Input((4,)), *layers, keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential(body)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy")
    model.fit(windows.features, windows.faulty.astype("f4"), batch_size=_BATCH, epochs=epochs, verbose=0)
    return model


def score(model: Any, windows: Windows) -> NDArray[np.float64]:
    """Return a float model's score of each window, (n,)."""
    return np.asarray(model.predict(windows.features, batch_size=4096, verbose=0), dtype="f8")[:, 0]


def score_int8(content: bytes, windows: Windows) -> NDArray[np.float64]:
    """Return the score that the quantized file itself gives each window, (n,)."""
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    given, answered = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = given["quantization"]
    quantized = np.clip(np.rint(windows.features / scale + zero), -128, 127).astype(np.int8)
    scores = np.empty(len(quantized))
    for number, row in enumerate(quantized):
        interpreter.set_tensor(given["index"], row[None])
        interpreter.invoke()
        scores[number] = interpreter.get_tensor(answered["index"])[0, 0]
    scale, zero = answered["quantization"]
    return (scores - zero) * scale


def area_under_curve(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the ROC's area: the chance that a faulty window scores above a healthy one, ties counted half."""
    order = np.sort(scores[~truth])
    below = np.searchsorted(order, scores[truth], side="left")
    not_above = np.searchsorted(order, scores[truth], side="right")
    return float((below + not_above).mean() / (2 * len(order)))
