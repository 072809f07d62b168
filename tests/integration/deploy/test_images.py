"""What goes into the images: a member and its own dependencies, nothing of this machine, and no more than is needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from edgefleet_devcluster import images
from edgefleet_devcluster.images import contexts
from edgefleet_devcluster.images.catalogue import OWN, Catalogue

REPOSITORY = Path(__file__).parents[3]
IMAGES = REPOSITORY / "images.toml"
MEGABYTE = 1_000_000
# What belongs to other members, to the command line or to tests.
NEVER = ("typer", "rich", "kubernetes", "numpy", "tflite_micro", "ai_edge_litert", "pytest", "edgefleet_devcluster")


def make(image: str, output: Path, inputs: Path) -> Path:
    """Run the command of an image's artifact where the image's build runs it: beside its inputs alone."""
    recipe = Catalogue.read(OWN, IMAGES).recipe(image)
    artifact = recipe.artifacts[0]
    if not inputs.exists():
        contexts.copy(contexts.select(recipe.context, artifact.inputs), inputs)
    done = subprocess.run(artifact.command_line(output), cwd=inputs, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each Python image's packages."""
    folder = tmp_path_factory.mktemp("packages")
    return {image: make(image, folder / image, folder / f"{image}-inputs") for image in ("operator", "model-registry")}


def python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with the packages and the standard library alone."""
    uv = REPOSITORY / "scripts" / "uv"
    program = sys.executable
    if sys.version_info[:2] != (3, 11):
        command = [uv, "python", "find", "3.11"]
        program = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    command = [program, "-I", "-S", "-B", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize(
    ("image", "module"),
    [
        ("operator", "edgefleet.entrypoints.kopf_app"),
        ("operator", "edgefleet.entrypoints.bootstrap"),
        ("model-registry", "edgefleet_model_registry.server"),
    ],
)
def test_a_program_finds_all_that_it_imports(packages: dict[str, Path], image: str, module: str) -> None:
    done = python(packages[image], f"import {module}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("image", ["operator", "model-registry"])
def test_an_image_has_what_its_member_needs_and_no_more(packages: dict[str, Path], image: str) -> None:
    there = {path.name for path in packages[image].iterdir()}
    assert not there & set(NEVER)
    other = {"operator": {"fastapi", "uvicorn", "edgefleet_model_registry"}, "model-registry": {"kopf", "aiomqtt"}}
    assert not there & other[image]
    size = sum(path.stat().st_size for path in packages[image].rglob("*") if path.is_file())
    assert size < 50 * MEGABYTE


def test_the_isolation_is_one(packages: dict[str, Path]) -> None:
    # The test above shows something only if what is installed beside the tests is out of reach.
    assert "No module named 'pytest'" in python(packages["operator"], "import pytest").stderr


def test_the_same_inputs_make_the_same_bytes(packages: dict[str, Path], tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    first = packages["model-registry"]
    again = make("model-registry", tmp_path / "again", first.with_name("model-registry-inputs"))
    assert digests(again) == digests(first)


@pytest.mark.parametrize("image", ["operator", "model-registry"])
def test_nothing_in_it_names_this_machine(packages: dict[str, Path], image: str) -> None:
    traces = [str(REPOSITORY).encode(), str(packages[image].parent).encode()]
    own = [path for path in packages[image].rglob("*") if path.is_file() and "edgefleet" in str(path)]
    assert own
    for path in own:
        content = path.read_bytes()
        assert not any(trace in content for trace in traces), path
    assert not list(packages[image].rglob("direct_url.json"))
    assert not list(packages[image].glob("bin"))


def test_the_images_are_small_on_top_of_the_base() -> None:
    made = images.ensure(["base", "operator", "model-registry", "broker"], catalogue=IMAGES)
    sizes = {name: image.archive.stat().st_size for name, image in made.items()}
    more = {name: size - sizes["base"] for name, size in sizes.items() if name != "base"}
    assert more["broker"] < 5 * MEGABYTE
    assert more["operator"] < 25 * MEGABYTE
    assert more["model-registry"] < 20 * MEGABYTE
    assert {image.load_on for name, image in made.items() if name != "base"} == {"role:platform"}
