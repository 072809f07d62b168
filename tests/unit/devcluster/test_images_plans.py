"""The key of an image: every change to what it is made of changes it, and nothing else does."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import contexts, plans
from edgefleet_devcluster.images.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

CATALOGUE = """\
[images.ground]
dockerfile = "ground/Dockerfile"
rootfs = ["python3"]
registry-dockerfile = "ground/registry.Dockerfile"
load-on = "all"

[images.app]
dockerfile = "app/Dockerfile"
binaries = ["tool"]
base = "ground"
load-on = "all"

[images.app.artifacts.made]
command = ["cc", "-o", "{output}"]
inputs = ["*.c"]
"""
FILES = {
    "ground/Dockerfile": "FROM scratch",
    "ground/registry.Dockerfile": "FROM other",
    "app/Dockerfile": "FROM base",
    "app/main.c": "int main;",
    "app/deep/data": "data",
}


@dataclass(frozen=True)
class Bench:
    """A catalogue with its files, and what else makes a plan."""

    folder: Path
    program: str = "tool-v1-0123456789abcdef/tool"
    registry: str = ""

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def plans(self) -> dict[str, plans.Plan]:
        catalogue = Catalogue.read(self.folder / "images.toml")
        return plans.plan(
            catalogue.with_bases(["app"]),
            programs={"tool": Path("/cache") / self.program},
            registry_base=self.registry,
            folder=Path("/cache/images"),
        )

    def reference(self, name: str = "app") -> str:
        return self.plans()[name].image.reference

    def edit(self, before: str, after: str) -> None:
        text = (self.folder / "images.toml").read_text()
        assert before in text
        self.write("images.toml", text.replace(before, after))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "one")
    for name, text in {"images.toml": CATALOGUE, **FILES}.items():
        made.write(name, text)
    return made


def test_a_reference_has_the_name_and_the_key(bench: Bench) -> None:
    image = bench.plans()["app"].image
    name, _, key = image.reference.rpartition(":")
    assert name == "localhost/edgefleet/app"
    assert len(key) == 16
    assert image.archive == Path(f"/cache/images/app-{key}.tar")


@pytest.mark.parametrize(
    "change",
    [
        lambda bench: bench.write("app/Dockerfile", "FROM base\nUSER 1"),
        lambda bench: bench.write("app/deep/data", "other"),
        lambda bench: bench.write("app/deep/more", ""),
        lambda bench: (bench.folder / "app/deep/data").rename(bench.folder / "app/deep/date"),
        lambda bench: (bench.folder / "app/deep/data").chmod(0o755),
        lambda bench: (bench.folder / "app/deep/data").unlink(),
        lambda bench: (bench.folder / "app/link").symlink_to("deep/data"),
        lambda bench: bench.write("app/main.c", "int other;"),
        lambda bench: bench.edit('"-o"', '"-Os", "-o"'),
        lambda bench: bench.edit("artifacts.made", "artifacts.built"),
        lambda bench: bench.edit(
            'load-on = "all"\n\n[images.app.', 'files = ["deep"]\nload-on = "all"\n\n[images.app.'
        ),
        lambda bench: bench.write("ground/Dockerfile", "FROM nothing"),
        lambda bench: bench.edit('["python3"]', '["python3", "git"]'),
        lambda bench: replace(bench, program="tool-v1-fedcba9876543210/tool"),
        lambda bench: replace(bench, registry="debian:12"),
    ],
)
def test_a_change_of_content_changes_the_reference(bench: Bench, change: Callable[[Bench], object]) -> None:
    before = bench.reference()
    changed = change(bench)
    assert (changed if isinstance(changed, Bench) else bench).reference() != before


@pytest.mark.parametrize(
    "change",
    [
        lambda bench: os.utime(bench.folder / "app/deep/data", (1, 1)),
        lambda bench: (bench.folder / "app/deep/data").chmod(0o600),
        lambda bench: bench.write("app/__pycache__/main.pyc", "compiled"),
        lambda bench: bench.write("elsewhere/file", "not in the context"),
        lambda bench: bench.edit('load-on = "all"\n\n[images.app.', 'load-on = "role:x"\n\n[images.app.'),
        lambda bench: bench.edit("[images.app]", "# A remark.\n[images.app]"),
        lambda bench: bench.write("images.toml", (bench.folder / "images.toml").read_text() + other_image()),
        lambda bench: Bench(bench.folder.rename(bench.folder.with_name("two"))),
        lambda bench: replace(bench, program="/elsewhere/tool-v1-0123456789abcdef/tool"),
    ],
)
def test_what_is_no_content_changes_nothing(bench: Bench, change: Callable[[Bench], object]) -> None:
    before = bench.reference()
    changed = change(bench)
    assert (changed if isinstance(changed, Bench) else bench).reference() == before


def other_image() -> str:
    return '\n[images.other]\ndockerfile = "ground/Dockerfile"\nload-on = "all"\n'


def test_a_base_from_a_registry_takes_the_place_of_the_root_file_system(bench: Bench) -> None:
    own = bench.plans()
    assert (own["ground"].rootfs, own["ground"].base, own["ground"].debian) == (("python3",), "", True)
    assert own["ground"].dockerfile.name == "Dockerfile"
    assert (own["app"].base, own["app"].debian) == (own["ground"].image.reference, True)

    others = replace(bench, registry="registry.test/debian:12").plans()
    assert (others["ground"].rootfs, others["ground"].base) == ((), "registry.test/debian:12")
    assert others["ground"].dockerfile.name == "registry.Dockerfile"
    assert (others["app"].base, others["app"].debian) == (others["ground"].image.reference, False)


@pytest.mark.parametrize("name", ["tool", "made"])
def test_two_files_of_one_name_are_refused(bench: Bench, name: str) -> None:
    bench.write(f"app/{name}", "")
    with pytest.raises(DevclusterError, match=f"^image app: {name} would come into its context from two places"):
        bench.plans()


def test_a_pattern_that_matches_nothing_is_refused(bench: Bench) -> None:
    bench.edit('"*.c"', '"*.cc"')
    with pytest.raises(DevclusterError, match=r"'\*\.cc' matches nothing in .*/app: correct the pattern or add"):
        bench.plans()


@pytest.mark.parametrize(
    ("load_on", "nodes"),
    [("all", ["one", "two"]), ("role:platform", ["one"]), ("node:two", ["two"]), ("role:one", [])],
)
def test_an_image_belongs_on_all_nodes_or_on_those_it_says(load_on: str, nodes: list[str]) -> None:
    image = plans.Image("x", "localhost/edgefleet/x:1", Path("x.tar"), load_on)
    roles = {"one": ["platform"], "two": []}
    assert [name for name in roles if image.belongs_on(name, roles[name])] == nodes


def test_a_copy_is_the_same_whoever_makes_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "run").write_text("#!/bin/sh\n")
    (source / "deep" / "run").chmod(0o700)
    (source / "deep" / "data").write_text("data")
    (source / "deep" / "data").chmod(0o600)
    (source / "link").symlink_to("deep/data")
    umask = os.umask(0o077)
    try:
        contexts.copy(contexts.select(source, ["*"]), tmp_path / "copy")
    finally:
        os.umask(umask)
    found = {path.relative_to(tmp_path / "copy").as_posix(): path for path in (tmp_path / "copy").rglob("*")}
    assert {name: oct(path.lstat().st_mode)[-3:] for name, path in found.items() if not path.is_symlink()} == {
        "deep": "755",
        "deep/run": "755",
        "deep/data": "644",
    }
    assert found["link"].readlink() == Path("deep/data")
    assert len({path.stat().st_mtime for path in found.values()}) == 1
