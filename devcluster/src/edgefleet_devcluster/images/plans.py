"""What each image is made of and, from that, its key and its reference."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import contexts, rootfs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from edgefleet_devcluster.images.catalogue import Recipe

REPOSITORY = "localhost/edgefleet"
"""What the references of all our images start with."""
_VERSION = 1
"""Of how images are made: another one makes every image anew."""


@dataclass(frozen=True)
class Image:
    """An image in the cache."""

    name: str
    reference: str
    """``localhost/edgefleet/NAME:KEY``: another content has another key, so pods that name it are replaced."""
    archive: Path
    """For `store.load`."""
    load_on: str
    """``all``, ``role:ROLE`` or ``node:NAME``."""

    def belongs_on(self, node: str, roles: Collection[str]) -> bool:
        """Whether the node of this name and with these roles is to have it."""
        kind, _, name = self.load_on.partition(":")
        return kind == "all" or (kind == "role" and name in roles) or (kind == "node" and name == node)


@dataclass(frozen=True)
class Plan:
    """How one image is made."""

    recipe: Recipe
    image: Image
    dockerfile: Path
    files: dict[str, Path]
    """What is copied into the build's context; artifacts and the root file system are made there."""
    base: str
    """What BASE_IMAGE is to be; empty for nothing."""
    rootfs: tuple[str, ...]
    """Packages of the root file system to make; empty for none."""
    debian: bool
    """Whether it stands on a root file system that was made here."""


def plan(
    recipes: Iterable[Recipe], *, programs: Mapping[str, Path], registry_base: str, folder: Path
) -> dict[str, Plan]:
    """Return the plans by name.

    Args:
        recipes: The recipes, each after its base.
        programs: The components that they name.
        registry_base: An image in a registry to take instead of a root file system; empty for none.
        folder: Where the archives are or will be.

    Raises:
        DevclusterError: A pattern matches no file, or two files want to be the same one.
    """
    plans: dict[str, Plan] = {}
    for recipe in recipes:
        replaced = registry_base if recipe.rootfs else ""
        below = plans.get(recipe.base)
        base = replaced or (below.image.reference if below else "")
        dockerfile = recipe.registry_dockerfile if replaced and recipe.registry_dockerfile else recipe.dockerfile
        own = contexts.select(recipe.context, recipe.files)
        packages = () if replaced else recipe.rootfs
        key = _key(
            {
                "version": _VERSION,
                "machine": os.uname().machine,
                "base": base,
                "dockerfile": contexts.digest(dockerfile),
                "files": {name: contexts.digest(file) for name, file in own.items()},
                # The folder's name tells the version and all that the program is made from.
                "binaries": {name: programs[name].parent.name for name in recipe.binaries},
                "artifacts": {
                    artifact.name: [artifact.command, _digests(recipe.context, artifact.inputs)]
                    for artifact in recipe.artifacts
                },
                "rootfs": [rootfs.SUITE, *sorted(packages)] if packages else [],
            }
        )
        reference = f"{REPOSITORY}/{recipe.name}:{key}"
        plans[recipe.name] = Plan(
            recipe=recipe,
            image=Image(recipe.name, reference, folder / f"{recipe.name}-{key}.tar", recipe.load_on),
            dockerfile=dockerfile,
            files=_joined(own, {name: programs[name] for name in recipe.binaries}, recipe),
            base=base,
            rootfs=packages,
            debian=below.debian if below else bool(packages),
        )
    return plans


def _key(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _digests(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    return {name: contexts.digest(file) for name, file in contexts.select(folder, patterns).items()}


def _joined(own: dict[str, Path], programs: dict[str, Path], recipe: Recipe) -> dict[str, Path]:
    made = {*(artifact.name for artifact in recipe.artifacts), *([rootfs.ARCHIVE] if recipe.rootfs else [])}
    taken = [*own, *programs, *made]
    if twice := {name for name in taken if taken.count(name) > 1}:
        names = ", ".join(sorted(twice))
        raise DevclusterError(f"image {recipe.name}: {names} would come into its context from two places: rename one")
    return own | programs
