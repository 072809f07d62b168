"""Models are trained once; the program here is a small one, in an environment that is really made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgefleet_demo.errors import DemoError
from edgefleet_demo.places import cache_dir
from edgefleet_demo.training import Recipe, train

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
count = pathlib.Path(__file__).with_name("count")
count.write_text(count.read_text() + "x" if count.exists() else "x")
if "--seed=13" in sys.argv:
    sys.exit("no luck")
(folder / "model.tflite").write_text(sys.argv[2])
(folder / "metrics.json").write_text('{"aucInt8": 0.9, "sizeBytes": 8}')
if "--seed=14" not in sys.argv:
    (folder / "feature-schema.json").write_text("{}")
"""


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training program of a few lines, and a cache of its own."""
    tools = cache_dir() / "tools"
    monkeypatch.setenv("EDGEFLEET_CACHE", str(tmp_path / "cache"))
    if tools.exists():
        # uv, where it is not installed: bringing it once more takes seconds.
        cache_dir().mkdir(parents=True)
        (cache_dir() / "tools").symlink_to(tools)
    package = tmp_path / "workload" / "src" / "edgefleet_training"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PROGRAM)
    (tmp_path / "workload" / "requirements.txt").touch()
    return tmp_path / "workload"


def quiet(_: str, /) -> None:
    """Nobody listens."""


def runs(workload: Path) -> int:
    return len((workload / "src" / "edgefleet_training" / "count").read_text())


def test_a_recipe_is_trained_once_and_another_one_again(workload: Path) -> None:
    lines: list[str] = []
    models = [train(Recipe(seed, 5, 2), say=lines.append, workload=workload) for seed in (1, 1, 2)]
    assert runs(workload) == 2
    assert models[0] == models[1]
    assert models[0].digest != models[2].digest
    assert models[0].feature_schema.exists()
    assert lines.count("installing TensorFlow for training, 1.6 GB, into an environment of its own") == 1
    assert models[0].metrics["aucInt8"] == 0.9


def test_a_changed_program_trains_again(workload: Path) -> None:
    train(Recipe(1, 5, 2), say=quiet, workload=workload)
    with (workload / "src" / "edgefleet_training" / "__main__.py").open("a") as program:
        program.write("# changed\n")
    train(Recipe(1, 5, 2), say=quiet, workload=workload)
    assert runs(workload) == 2


def test_another_feature_schema_trains_again(workload: Path) -> None:
    schemas = workload / "src" / "edgefleet_training" / "feature_schemas.json"
    for digest in ("a", "a", "b"):
        schemas.write_text(f'{{"motor-level1": "{digest}"}}')
        train(Recipe(1, 5, 2), say=quiet, workload=workload)
    assert runs(workload) == 2


def test_a_failed_training_is_told_with_its_words_and_leaves_nothing(workload: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DemoError, match="training failed with exit status 1: no luck"):
            train(Recipe(13, 5, 2), say=quiet, workload=workload)
    with pytest.raises(DemoError, match=r"training wrote no feature-schema\.json"):
        train(Recipe(14, 5, 2), say=quiet, workload=workload)
    finished = list((tmp_path / "cache" / "edgefleet" / "trained").glob("*/.finished"))
    assert finished == []


def test_an_environment_that_was_left_half_made_is_made_anew(workload: Path, tmp_path: Path) -> None:
    train(Recipe(1, 5, 2), say=quiet, workload=workload)
    (environment,) = (tmp_path / "cache" / "edgefleet" / "venvs").glob("training-*")
    (environment / ".finished").unlink()
    (environment / "bin" / "python").unlink()
    train(Recipe(2, 5, 2), say=quiet, workload=workload)
    assert runs(workload) == 2
