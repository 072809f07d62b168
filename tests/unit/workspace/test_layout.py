"""The house's own checks find what they are for."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
DOMAIN = REPOSITORY / "operator" / "src" / "edgefleet" / "domain"


def foreign_imports(source: str) -> set[str]:
    """Returns what a module of the domain imports besides the standard library and the domain itself."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {
        name
        for name in names
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith("edgefleet.domain")
    }


@pytest.mark.parametrize("path", sorted(DOMAIN.rglob("*.py")), ids=lambda path: path.relative_to(DOMAIN).as_posix())
def test_the_domain_imports_only_the_standard_library(path: Path) -> None:
    assert foreign_imports(path.read_text()) == set()


def test_that_check_can_fail() -> None:
    assert foreign_imports("import pydantic\nfrom edgefleet.api import meta\nimport os") == {
        "pydantic",
        "edgefleet.api",
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with the layout check and one harmless file."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPOSITORY / "scripts" / "check_layout.py", tmp_path / "scripts")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def check(copy: Path) -> subprocess.CompletedProcess[str]:
    """Runs the check in the copy."""
    command = [sys.executable, str(copy / "scripts" / "check_layout.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_clean_tree_passes(copy: Path) -> None:
    assert (check(copy).returncode, check(copy).stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("operator/__init__.py", "", "would shadow Python's own operator module"),
        ("operator.py", "", "would shadow Python's own operator module"),
        ("workloads/x/operator/__init__.py", "", "would shadow Python's own operator module"),
        ("a/utils.py", "", "name it after what is in it"),
        ("a/long.py", "x = 1\n" * 401, "401 lines, at most 400"),
        ("tests/long.py", "x = 1\n" * 601, "601 lines, at most 600"),
        ("a/core.c", ";\n" * 401, "401 lines, at most 400"),
        ("a/doc.md", "see /" + "home/me/x", "a path of one machine"),
        ("a/pyproject.toml", 'dependencies = [\n  "pycoral>=2"\n]\n', "PyPI's pycoral is not Google's"),
    ],
)
def test_what_must_not_stand_is_named(copy: Path, name: str, text: str, says: str) -> None:
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_text(text)
    done = check(copy)
    assert done.returncode == 1
    assert done.stdout.startswith(name)
    assert says in done.stdout


def test_python_keeps_its_operator_module_beside_our_folder() -> None:
    code = "import operator; print(operator.itemgetter, operator.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "itemgetter" in done.stdout
    assert done.stdout.strip().endswith("/operator.py")


@pytest.mark.parametrize("target", ["help", "test", "test-full", "verify", "generate", "firmware-test", "setup"])
def test_make_alone_prints_every_target(target: str) -> None:
    said = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert f"  make {target} " in said


def test_a_step_says_how_long_it_took_and_passes_the_failure_on() -> None:
    step = REPOSITORY / "scripts" / "step"
    done = subprocess.run([step, "name", "bash", "-c", "exit 3"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "FAILED after 0." in done.stderr
    assert "name: " in subprocess.run([step, "name", "true"], capture_output=True, text=True, check=True).stdout
