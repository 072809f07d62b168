"""Which images there are: read from TOML and checked before anything is built."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OWN = Path(__file__).parent / "catalogue.toml"
"""The cluster's own images."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LOAD_ON = re.compile(r"all|(role|node):[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_OUTPUT = "{output}"


@dataclass(frozen=True)
class Artifact:
    """A file or folder that a command on this machine makes for the Dockerfile to copy."""

    name: str
    command: tuple[str, ...]
    """With ``{output}`` where the path to write is to stand. It runs in a folder that holds the inputs alone."""
    inputs: tuple[str, ...]
    """Patterns in the image's context; ``**`` matches folders."""

    def command_line(self, output: Path) -> list[str]:
        """Return the command that writes ``output``."""
        return [word.replace(_OUTPUT, str(output)) for word in self.command]


@dataclass(frozen=True)
class Recipe:
    """How one image is made and which nodes get it."""

    name: str
    dockerfile: Path
    context: Path
    """The folder that the Dockerfile's COPY counts from."""
    files: tuple[str, ...]
    """Patterns: what of the context the build is given."""
    binaries: tuple[str, ...]
    """Components of the cluster, put into the context's top under their names."""
    artifacts: tuple[Artifact, ...]
    rootfs: tuple[str, ...]
    """Debian packages of a root file system that is put into the context as ``rootfs.tar``; empty for none."""
    registry_dockerfile: Path | None
    """Taken instead of the Dockerfile and the root file system where the user names a base in a registry."""
    base: str
    """The image that BASE_IMAGE stands for; empty for none."""
    load_on: str
    """``all``, ``role:ROLE`` or ``node:NAME``."""


class Catalogue:
    """Recipes by name, each after its base."""

    def __init__(self, recipes: Iterable[Recipe]) -> None:
        """Take recipes whose names differ and whose bases are among them."""
        self._recipes = {recipe.name: recipe for recipe in recipes}

    @classmethod
    def read(cls, *files: Path) -> Catalogue:
        """Read catalogue files; later ones may build on images of earlier ones.

        Raises:
            DevclusterError: One is missing or damaged, has an unknown key, names a file that is missing or an image
                that another one has; the message has the file and the key.
        """
        recipes: dict[str, Recipe] = {}
        for file in files:
            for recipe in _parse(file):
                place = f"{file}: images.{recipe.name}"
                if recipe.name in recipes:
                    raise DevclusterError(f"{place}: another catalogue has an image of this name: choose another name")
                if recipe.base and recipe.base not in recipes:
                    raise DevclusterError(
                        f"{place}.base: no image {recipe.base!r} above it; there are: {', '.join(recipes) or 'none'}"
                    )
                recipes[recipe.name] = recipe
        return cls(recipes.values())

    @property
    def names(self) -> list[str]:
        """The names of all images."""
        return list(self._recipes)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe called ``name``.

        Raises:
            DevclusterError: There is none; the message lists those there are.
        """
        try:
            return self._recipes[name]
        except KeyError:
            raise DevclusterError(f"no image {name!r}; there are: {', '.join(self._recipes)}") from None

    def with_bases(self, names: Iterable[str]) -> list[Recipe]:
        """Return the named recipes and what they are built on, each once and after its base."""
        wanted: set[str] = set()
        for name in names:
            following = name
            while following:
                wanted.add(following)
                following = self.recipe(following).base
        return [recipe for recipe in self._recipes.values() if recipe.name in wanted]


def _parse(file: Path) -> Iterator[Recipe]:
    try:
        content = tomllib.loads(file.read_text())
    except OSError as error:
        raise DevclusterError(f"cannot read the catalogue {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DevclusterError(f"{file}: not TOML: {error}") from error
    top = Table(file, "", content)
    images = top.table("images")
    top.finish()
    for name in images.keys:
        table = images.table(name)
        if not _NAME.fullmatch(name):
            table.refuse("", "a name has a-z, 0-9 and single - between them")
        yield _recipe(name, table)
        table.finish()


def _recipe(name: str, table: Table) -> Recipe:
    dockerfile = table.path("dockerfile")
    context = table.path("context", folder=True) if "context" in table.keys else dockerfile.parent
    if context != dockerfile.parent and "files" not in table.keys:
        # Everything in a repository's root would be .git and virtual environments too.
        table.refuse("files", "missing; a context of its own needs the list of files that the Dockerfile copies")
    made = table.table("artifacts")
    artifacts = tuple(_artifact(artifact, made.table(artifact)) for artifact in made.keys)
    rootfs = table.texts("rootfs")
    load_on = table.text("load-on")
    if not _LOAD_ON.fullmatch(load_on):
        table.refuse("load-on", f'{load_on!r} is neither "all" nor "role:ROLE" nor "node:NAME"')
    return Recipe(
        name=name,
        dockerfile=dockerfile,
        context=context,
        files=table.patterns("files", ("*",)),
        binaries=table.texts("binaries"),
        artifacts=artifacts,
        rootfs=rootfs,
        registry_dockerfile=table.path("registry-dockerfile") if rootfs else None,
        base=table.text("base", ""),
        load_on=load_on,
    )


def _artifact(name: str, table: Table) -> Artifact:
    command = table.texts("command")
    if not any(_OUTPUT in word for word in command):
        table.refuse("command", f"has no {_OUTPUT}, which stands for the path to write")
    if PurePosixPath(name).name != name:
        table.refuse("", "an artifact's name is a file name, without folders")
    artifact = Artifact(name, command, table.patterns("inputs"))
    table.finish()
    return artifact
