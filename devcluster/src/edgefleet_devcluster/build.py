"""Gets the components that are missing from the cache, each at most once and never half written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster import paths
from edgefleet_devcluster.components import component
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.progress import Heartbeat, Say, to_stderr
from edgefleet_devcluster.sources import GoSource, Source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edgefleet_devcluster.components import Component

_SAY_EVERY_SECONDS = 15.0
_TEMPORARY = ".partial"


@dataclass(frozen=True)
class _Item:
    component: Component
    path: Path


def ensure(
    names: Iterable[str], *, source: Source | None = None, cache: Path | None = None, say: Say = to_stderr
) -> dict[str, Path]:
    """Return the path of each named component's program, after getting those that the cache lacks.

    A second process that wants to build waits for the first and then finds its work. Interrupted at any time, the
    next call goes on: what was finished stays, what was compiled is in Go's own cache.

    Args:
        names: Names of components.
        source: Where they come from; by default compiled from the pinned Go modules.
        cache: The directory of all binaries; by default the user's cache.
        say: Where progress goes.

    Raises:
        DevclusterError: A component is unknown or could not be got.
    """
    root = paths.binaries_dir() if cache is None else cache
    return ensure_components([component(name) for name in names], source=source or GoSource(), cache=root, say=say)


def ensure_components(components: Iterable[Component], *, source: Source, cache: Path, say: Say) -> dict[str, Path]:
    """Do `ensure` for components that need not be in the table."""
    items = [_Item(wanted, location(wanted, source=source, cache=cache)) for wanted in components]
    if any(not item.path.exists() for item in items):
        try:
            with exclusive(cache / "build.lock", purpose="build", say=say):
                missing = [item for item in items if not item.path.exists()]
                for number, item in enumerate(missing, 1):
                    _produce(item, source, f"[{number}/{len(missing)}] {item.component.name}", say)
        except OSError as error:
            raise DevclusterError(
                f"cannot write the build cache {cache}: {error}; set EDGEFLEET_CACHE to a writable directory"
            ) from error
    return {item.component.name: item.path for item in items}


def location(component: Component, *, source: Source, cache: Path) -> Path:
    """Return where the component's program is or will be."""
    components = component.set
    return cache / f"{components.name}-{components.version}-{source.key(components)}" / component.name


def _produce(item: _Item, source: Source, label: str, say: Say) -> None:
    folder = item.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"*{_TEMPORARY}"):
        # Ours is the lock, so whoever wrote it is gone.
        leftover.unlink()
    partial = item.path.with_name(f"{item.path.name}.{os.getpid()}{_TEMPORARY}")
    heartbeat = Heartbeat(say, _SAY_EVERY_SECONDS)
    say(f"{label} {item.component.set.version}: building (minutes the first time, seconds with a warm Go cache)")
    try:
        source.produce(
            item.component,
            partial,
            folder / f"{item.path.name}.log",
            lambda state: heartbeat.beat(lambda: f"{label}: {heartbeat.elapsed:.0f} s, {state}"),
        )
        partial.chmod(0o755)
        _flush(partial)
        partial.rename(item.path)
    finally:
        partial.unlink(missing_ok=True)
    say(f"{label}: done in {heartbeat.elapsed:.0f} s")


def _flush(path: Path) -> None:
    """Write through to the disk: after a power cut the final name must not hold an empty file."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
