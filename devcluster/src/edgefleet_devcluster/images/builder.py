"""Gets the images that are missing from the cache, each at most once and never half written."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgefleet_devcluster import paths
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.binaries.sources import Progress, free_bytes
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import contexts, engines, plans, rootfs
from edgefleet_devcluster.images.catalogue import OWN, Catalogue
from edgefleet_devcluster.images.jobs import Job
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.progress import Say, to_stderr
from edgefleet_devcluster.publication import publish

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edgefleet_devcluster.images.engines import Engine
    from edgefleet_devcluster.images.plans import Image, Plan

BASE_VARIABLE = "EDGEFLEET_BASE_IMAGE"
_KEPT = 3
"""Archives of one image: going back and forth between two branches builds nothing."""
_SAY_EVERY_SECONDS = 15.0
_GIB = 1024**3
_FREE_BYTES_NEEDED = 2 * _GIB
_WORK = "work"
_TEMPORARY = ".partial"


class Binaries(Protocol):
    """Gets components of the cluster, as `build.ensure` does."""

    def __call__(self, names: Iterable[str], /, *, say: Say) -> dict[str, Path]:
        """Return each component's program."""
        ...


def ensure(
    names: Iterable[str] | None = None,
    *,
    catalogue: Path | None = None,
    cache: Path | None = None,
    binaries: Binaries = build.ensure,
    say: Say = to_stderr,
) -> dict[str, Image]:
    """Return the named images, after building those that the cache lacks.

    A second process that wants to build waits for the first and then finds its work. Interrupted at any time, the
    next call goes on: what was finished stays.

    Args:
        names: Names of images; by default all there are.
        catalogue: A file with more images, which may build on the cluster's own.
        cache: The folder of all images; by default the user's cache.
        binaries: Gets the components that images contain.
        say: Where progress goes.

    Raises:
        DevclusterError: A catalogue is wrong, an image is unknown, or it could not be built.
    """
    known = Catalogue.read(OWN, *([catalogue] if catalogue else []))
    wanted = known.names if names is None else list(dict.fromkeys(names))
    recipes = known.with_bases(wanted)
    folder = images_dir() if cache is None else cache
    planned = plans.plan(
        recipes,
        programs=binaries(dict.fromkeys(name for recipe in recipes for name in recipe.binaries), say=say),
        registry_base=os.environ.get(BASE_VARIABLE, ""),
        folder=folder,
    )
    if any(not planned[name].image.archive.exists() for name in wanted):
        try:
            with exclusive(folder / "build.lock", purpose="images", say=say):
                _make_missing(wanted, planned, folder, say)
        except OSError as error:
            raise DevclusterError(
                f"cannot write the image cache {folder}: {error}; set EDGEFLEET_CACHE to a writable directory"
            ) from error
    for name in wanted:
        with suppress(OSError):
            os.utime(planned[name].image.archive)  # in use: not the one to make room
    return {name: planned[name].image for name in wanted}


def images_dir() -> Path:
    """Return the folder of the user's cache that holds every built image."""
    return paths.binaries_dir().with_name("images")


def _make_missing(wanted: list[str], planned: dict[str, Plan], folder: Path, say: Say) -> None:
    missing = [planned[name] for name in planned if name in wanted and not planned[name].image.archive.exists()]
    if not missing:
        return
    # Ours is the lock, so whatever is half done is a dead process's.
    _sweep(folder)
    if free_bytes(folder) < _FREE_BYTES_NEEDED:
        raise DevclusterError(
            f"{folder} has {free_bytes(folder) / _GIB:.1f} GiB free, building images needs "
            f"{_FREE_BYTES_NEEDED / _GIB:.0f} GiB there: free some space or set EDGEFLEET_CACHE to a larger disk"
        )
    workshop = _Workshop(engines.choose(folder / "storage"), folder, planned, say)
    try:
        for number, plan in enumerate(missing, 1):
            workshop.make(plan, f"[{number}/{len(missing)}] image {plan.image.name}")
    finally:
        _sweep(folder)


def _sweep(folder: Path) -> None:
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    for leftover in folder.glob(f"*{_TEMPORARY}"):
        leftover.unlink()


@dataclass(frozen=True)
class _Workshop:
    engine: Engine
    folder: Path
    planned: dict[str, Plan]
    say: Say

    def make(self, plan: Plan, label: str) -> None:
        """Build an image and put its archive into the cache."""
        image = plan.image
        job = self._job(image, label)
        job.progress.tell(f"building with {self.engine.name}")
        self._provide_base(plan, job)
        order = engines.Order(
            reference=image.reference,
            dockerfile=plan.dockerfile,
            context=self._stage(plan, job),
            base=plan.base,
            debian=plan.debian,
        )
        self.engine.build(order, job)
        partial = image.archive.with_name(f"{image.archive.name}{_TEMPORARY}")
        self.engine.save(image.reference, partial, job)
        publish(partial, image.archive)
        self.engine.forget_others(image.reference)
        self._make_room(image)
        shutil.rmtree(job.folder)
        size = image.archive.stat().st_size / 1e6
        job.progress.tell(f"done in {job.progress.elapsed:.0f} s, {size:.1f} MB")

    def _job(self, image: Image, label: str) -> Job:
        log, folder = self.folder / f"{image.name}.log", self.folder / _WORK / image.name
        log.write_bytes(b"")
        folder.mkdir(parents=True)
        return Job(log, Progress(self.say, label, _SAY_EVERY_SECONDS), folder)

    def _provide_base(self, plan: Plan, job: Job) -> None:
        """See to it that the engine has the image that this one builds on."""
        if not plan.recipe.base or self.engine.has(plan.base):
            return
        base = self.planned[plan.recipe.base]
        if base.image.archive.exists():
            try:
                self.engine.add(base.image.archive, base.image.reference, job)
            except DevclusterError:
                # Written by the other engine, or damaged.
                job.progress.tell(f"{self.engine.name} cannot take {base.image.archive.name}, so it is built again")
            else:
                return
        self.make(base, f"image {base.image.name}")

    def _stage(self, plan: Plan, job: Job) -> Path:
        """Return a folder with all that the Dockerfile copies."""
        context = job.folder / "context"
        contexts.copy(plan.files, context)
        for artifact in plan.recipe.artifacts:
            inputs = job.folder / "inputs" / artifact.name
            contexts.copy(contexts.select(plan.recipe.context, artifact.inputs), inputs)
            job.run(artifact.command_line(context / artifact.name), cwd=inputs)
            if not (context / artifact.name).exists():
                raise DevclusterError(
                    f"image {plan.image.name}: `{' '.join(artifact.command)}` wrote no {artifact.name}"
                )
        contexts.level(context)
        if plan.rootfs:
            rootfs.make(plan.rootfs, context, job)
        return context

    def _make_room(self, image: Image) -> None:
        """Remove the archives of this image that were out of use longest."""
        pattern = re.compile(re.escape(image.name) + r"-[0-9a-f]{16}\.tar")
        found = [path for path in self.folder.iterdir() if pattern.fullmatch(path.name) and path != image.archive]
        for old in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT - 1 :]:
            old.unlink()
