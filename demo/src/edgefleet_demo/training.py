"""Trains the demo's models, each once: TensorFlow has an environment of its own, results are in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edgefleet_demo.errors import DemoError
from edgefleet_demo.places import REPOSITORY, cache_dir
from edgefleet_devcluster.locks import exclusive

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_devcluster.progress import Say

WORKLOAD: Final = REPOSITORY / "workloads" / "training"
_UV: Final = REPOSITORY / "scripts" / "uv"
_FINISHED: Final = ".finished"
_SOURCES: Final = (".py", ".json")
_FILES: Final = ("model.tflite", "metrics.json", "feature-schema.json")


@dataclass(frozen=True)
class Recipe:
    """What a model is trained from; another one gives another model."""

    seed: int
    machines: int
    epochs: int

    @property
    def arguments(self) -> list[str]:
        """The options of the training program."""
        return [f"--seed={self.seed}", f"--machines={self.machines}", f"--epochs={self.epochs}"]


@dataclass(frozen=True)
class TrainedModel:
    """A model in the cache."""

    folder: Path

    @property
    def file(self) -> Path:
        """The int8 TensorFlow Lite file."""
        return self.folder / "model.tflite"

    @property
    def feature_schema(self) -> Path:
        """What its inputs mean."""
        return self.folder / "feature-schema.json"

    @property
    def digest(self) -> str:
        """SHA-256 of the file, hexadecimal."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured on machines that training has not seen: ``auc``, ``aucInt8``, ``sizeBytes``, ..."""
        return json.loads((self.folder / "metrics.json").read_text())


def train(recipe: Recipe, *, say: Say, workload: Path = WORKLOAD) -> TrainedModel:
    """Return the model of a recipe, trained now if the cache lacks it.

    Args:
        recipe: What to train from.
        say: Where progress goes.
        workload: The folder with ``requirements.txt`` and ``src``.

    Raises:
        DemoError: The environment or the training failed; with its words.
    """
    requirements = workload / "requirements.txt"
    # What the models' inputs mean is data, and another meaning is another model.
    sources = sorted(file for file in (workload / "src").rglob("*") if file.suffix in _SOURCES)
    folder = cache_dir() / "trained" / _key(*recipe.arguments, files=[requirements, *sources])
    model = TrainedModel(folder)
    if (folder / _FINISHED).exists():
        return model
    with exclusive(folder.with_name(f".{folder.name}.lock"), purpose="training", say=say):
        if (folder / _FINISHED).exists():
            return model
        python = _environment(requirements, say)
        say(f"training a model: {' '.join(recipe.arguments)}")
        partial = _fresh(folder)
        environment = os.environ | {"PYTHONPATH": str(workload / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(python), "-m", "edgefleet_training", str(partial), *recipe.arguments]
        words = _run(command, environment, "training")
        if missing := [name for name in _FILES if not (partial / name).exists()]:
            raise DemoError(f"training wrote no {', '.join(missing)}: {words[-500:]}")
        _finish(partial, folder)
    return model


def _environment(requirements: Path, say: Say) -> Path:
    """Return the Python of the environment that has exactly what the file pins, made now if it is missing."""
    folder = cache_dir() / "venvs" / f"training-{_key(files=[requirements])}"
    python = folder / "bin" / "python"
    if (folder / _FINISHED).exists():
        return python
    with exclusive(folder.with_name(f".{folder.name}.lock"), purpose="training's environment", say=say):
        if not (folder / _FINISHED).exists():
            say("installing TensorFlow for training, 1.6 GB, into an environment of its own")
            # In place: an environment's scripts hold its path. What a dead process left half made goes first.
            shutil.rmtree(folder, ignore_errors=True)
            _run(
                [str(_UV), "venv", "--quiet", "--python=>=3.11,<3.14", str(folder)], dict(os.environ), "its environment"
            )
            sync = ["pip", "sync", "--quiet", "--require-hashes", f"--python={python}", str(requirements)]
            _run([str(_UV), *sync], dict(os.environ), "TensorFlow's installation")
            (folder / _FINISHED).touch()
    return python


def _key(*texts: str, files: list[Path]) -> str:
    parts = [*texts, *(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _fresh(folder: Path) -> Path:
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _finish(partial: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (partial / _FINISHED).touch()
    partial.rename(folder)


def _run(command: list[str], environment: dict[str, str], what: str) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoError(f"{what} failed with exit status {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stderr
