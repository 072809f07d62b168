"""What a catalogue of images may say, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefleet_devcluster.binaries.components import COMPONENTS
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images.catalogue import OWN, Catalogue

GOOD = """\
[images.first]
dockerfile = "first/Dockerfile"
load-on = "all"

[images.second]
dockerfile = "second/Dockerfile"
context = "."
files = ["second/*.py"]
binaries = ["coredns"]
base = "first"
load-on = "role:platform"

[images.second.artifacts.tool]
command = ["cc", "-o", "{output}", "tool.c"]
inputs = ["second/tool.c"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("first/Dockerfile", "second/Dockerfile", "second/app.py", "second/tool.c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def read(folder: Path, text: str) -> Catalogue:
    (folder / "images.toml").write_text(text)
    return Catalogue.read(folder / "images.toml")


def test_a_catalogue_says_how_images_are_made(folder: Path) -> None:
    catalogue = read(folder, GOOD)
    assert catalogue.names == ["first", "second"]
    first, second = (catalogue.recipe(name) for name in catalogue.names)
    assert (first.dockerfile, first.context) == (folder / "first" / "Dockerfile", folder / "first")
    assert (first.files, first.base, first.load_on) == (("*",), "", "all")
    assert (second.context, second.files, second.binaries) == (folder, ("second/*.py",), ("coredns",))
    assert (second.base, second.load_on) == ("first", "role:platform")
    (tool,) = second.artifacts
    assert tool.inputs == ("second/tool.c",)
    assert tool.command_line(Path("/out/tool")) == ["cc", "-o", "/out/tool", "tool.c"]


def test_an_image_comes_after_its_base_and_brings_it(folder: Path) -> None:
    catalogue = read(folder, GOOD)
    assert [recipe.name for recipe in catalogue.with_bases(["second"])] == ["first", "second"]
    assert [recipe.name for recipe in catalogue.with_bases(["second", "first"])] == ["first", "second"]
    assert [recipe.name for recipe in catalogue.with_bases(["first"])] == ["first"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[images.first]", "[image.first]", r"images\.toml: image: unknown key; there are: images$"),
        (
            '"all"',
            '"all"\nbase-image = "x"',
            r"images\.toml: images\.first\.base-image: unknown key; there are: .*",
        ),
        ('inputs = ["', 'input = ["', r"images\.second\.artifacts\.tool\.input: unknown key; .* command, inputs$"),
        ("first/Dockerfile", "first/Missing", r"images\.first\.dockerfile: no file .*/first/Missing$"),
        ('context = "."', 'context = "nowhere"', r"images\.second\.context: no folder .*/nowhere$"),
        ('files = ["second/*.py"]', "", r"images\.second\.files: missing; a context of its own needs the list"),
        ('dockerfile = "first/Dockerfile"', "", r"images\.first\.dockerfile: missing$"),
        ('base = "first"', 'base = "third"', r"images\.second\.base: no image 'third' above it; there are: first$"),
        ('"all"', '"everywhere"', r"""images\.first\.load-on: 'everywhere' is neither "all" nor "role:ROLE" nor"""),
        ('"role:platform"', '"role:"', r"images\.second\.load-on: 'role:' is neither"),
        ('["coredns"]', '"coredns"', r"images\.second\.binaries: is to be a list of strings$"),
        ('["coredns"]', '[""]', r"images\.second\.binaries: is to be a list of strings$"),
        ('"all"', "1", r"images\.first\.load-on: is to be a string$"),
        ("second/*.py", "../*.py", r"images\.second\.files: '\.\./\*\.py' leads out of the context"),
        ("second/*.py", "/etc/*", r"images\.second\.files: '/etc/\*' leads out of the context"),
        ("{output}", "output", r"images\.second\.artifacts\.tool\.command: has no \{output\}"),
        ("artifacts.tool", 'artifacts."a/b"', r"artifacts\.a/b: an artifact's name is a file name"),
        ("images.first", "images.First", r"images\.First: a name has a-z, 0-9 and single - between them$"),
        ("[images.first]", "[images.first", r"images\.toml: not TOML: .*line 1"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(folder: Path, before: str, after: str, message: str) -> None:
    assert before in GOOD
    with pytest.raises(DevclusterError, match=message):
        read(folder, GOOD.replace(before, after))


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match=r"cannot read the catalogue .*/none\.toml: No such file"):
        Catalogue.read(tmp_path / "none.toml")


def test_a_second_catalogue_builds_on_the_first_and_takes_no_name_twice(folder: Path) -> None:
    (folder / "images.toml").write_text(GOOD)
    other = folder / "other.toml"
    other.write_text('[images.third]\ndockerfile = "first/Dockerfile"\nbase = "first"\nload-on = "node:edge-1"\n')
    catalogue = Catalogue.read(folder / "images.toml", other)
    assert [recipe.name for recipe in catalogue.with_bases(["third"])] == ["first", "third"]

    other.write_text('[images.first]\ndockerfile = "first/Dockerfile"\nload-on = "all"\n')
    with pytest.raises(DevclusterError, match=r"other\.toml: images\.first: another catalogue has an image of this"):
        Catalogue.read(folder / "images.toml", other)


def test_an_unknown_image_lists_those_there_are(folder: Path) -> None:
    with pytest.raises(DevclusterError, match=r"^no image 'third'; there are: first, second$"):
        read(folder, GOOD).with_bases(["first", "third"])


def test_our_own_catalogue_has_what_the_cluster_runs() -> None:
    catalogue = Catalogue.read(OWN)
    assert {"pause", "base", "coredns", "local-path-provisioner", "git-server"} <= set(catalogue.names)
    for name in catalogue.names:
        recipe = catalogue.recipe(name)
        assert set(recipe.binaries) <= set(COMPONENTS)
        assert ("ARG BASE_IMAGE" in recipe.dockerfile.read_text()) == bool(recipe.base), name


@pytest.mark.parametrize("name", [name for name in Catalogue.read(OWN).names if name != "base"])
def test_our_own_images_run_as_nobody_special(name: str) -> None:
    users = [line for line in Catalogue.read(OWN).recipe(name).dockerfile.read_text().splitlines() if "USER" in line]
    # A number: with a name, the kubelet cannot tell that it is not root.
    assert users[-1] == "USER 65532:65532"
