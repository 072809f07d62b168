"""`python -m edgefleet_training OUTPUT --seed N --machines N --epochs N`: trains one version.

Writes `model.tflite`, `metrics.json` and `feature-schema.json` into the folder OUTPUT.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgefleet_training import motors

_WINDOWS: Final = 200
_UNSEEN_MACHINES: Final = 40
_UNSEEN_SEED: Final = 1_000_003
"""Of the machines that every version is measured on, far from any training seed."""
_SAMPLES: Final = 400


class _Converter:
    """A child that converts: a crash of TensorFlow's converter is an error of ours, with its words."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "model.keras", folder / "samples.npy", folder / "model.tflite"
        command = [sys.executable, "-m", f"{__package__}.conversion", *map(str, self._files)]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, text=True)  # noqa: S603 - our own module

    def convert(self, model: Any, samples: motors.Floats) -> bytes:
        """Return the int8 flatbuffer."""
        saved, shown, output = self._files
        model.save(saved)
        np.save(shown, samples.astype(np.float32))
        _, words = self._child.communicate()
        if self._child.returncode != 0 or not output.exists():
            sys.exit(f"the converter ended with {self._child.returncode}: {words.strip()[-2000:]}")
        return output.read_bytes()


def main() -> None:
    """Simulate, train, quantize, measure, write."""
    parser = argparse.ArgumentParser(prog="edgefleet_training", description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=1, help="another seed: other machines, other weights")
    parser.add_argument("--machines", type=int, default=60, help="machines to learn from (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=8, help="passes over the windows (default: %(default)s)")
    options = parser.parse_args()

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        converter = _Converter(Path(folder))
        from edgefleet_training import network  # noqa: PLC0415 - imports TensorFlow, at the same time as the converter

        seen = motors.draw(options.seed, options.machines, _WINDOWS)
        unseen = motors.draw(_UNSEEN_SEED, _UNSEEN_MACHINES, _WINDOWS)
        model = network.train(seen, seed=options.seed, epochs=options.epochs)
        order = np.random.default_rng(options.seed).permutation(len(seen.features))
        content = converter.convert(model, seen.features[order[:_SAMPLES]])
    metrics = {
        "auc": round(network.area_under_curve(network.score(model, unseen), unseen.faulty), 4),
        "aucInt8": round(network.area_under_curve(network.score_int8(content, unseen), unseen.faulty), 4),
        "unseenMachines": _UNSEEN_MACHINES,
        "unseenWindows": len(unseen.faulty),
        "sizeBytes": len(content),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "model.tflite").write_bytes(content)
    (options.output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (options.output / "feature-schema.json").write_text(json.dumps(motors.FEATURE_SCHEMA, indent=2) + "\n")
    print(f"trained in {time.monotonic() - started:.1f} s: {json.dumps(metrics)}", file=sys.stderr)  # noqa: T201 - a program


if __name__ == "__main__":
    main()
