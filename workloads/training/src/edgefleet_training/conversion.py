"""Keras to int8: `python -m edgefleet_training.conversion MODEL SAMPLES OUTPUT`, in a process of its own.

TensorFlow's converter can crash instead of raising, and prints to stdout. The program imports it, which takes seconds,
then waits until its standard input ends, and reads the files only then: training runs at the same time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}  # before the import that reads them
import keras  # pyright: ignore[reportMissingImports] - in training's own environment
import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource] - same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def convert(path: Path, samples: NDArray[np.float32]) -> bytes:
    """Return the flatbuffer: full int8, input and output included, one window at a time.

    Args:
        path: A saved Keras model.
        samples: (n, inputs) windows that show the range of every tensor.
    """
    trained = keras.saving.load_model(path)
    # A batch of one is part of the graph: a dynamic one becomes operators that TensorFlow Lite Micro refuses.
    window = keras.layers.Input(batch_shape=(1, samples.shape[1]))
    answer = window
    for layer in trained.layers:
        answer = layer(answer)

    def show() -> Iterator[list[NDArray[np.float32]]]:
        yield from ([row[None]] for row in samples)

    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(window, answer))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = show
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Kernels of several boards answer wrongly, without an error, to a scale per channel.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001 - its only name
    return converter.convert()


def main() -> None:
    """Wait, read, convert, write."""
    sys.stdin.read()
    model, samples, output = (Path(argument) for argument in sys.argv[1:4])
    output.write_bytes(convert(model, np.load(samples)))


if __name__ == "__main__":
    main()
