"""Gets the components that are missing from the cache, each at most once and never half written."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from edgefleet_devcluster import paths
from edgefleet_devcluster.binaries import releases
from edgefleet_devcluster.binaries.components import component as named
from edgefleet_devcluster.binaries.sources import GoSource, Progress, SourceUnavailableError
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.progress import Say, to_stderr
from edgefleet_devcluster.publication import publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from edgefleet_devcluster.binaries.components import Component
    from edgefleet_devcluster.binaries.sources import Source

_SAY_EVERY_SECONDS = 15.0
_TEMPORARY = ".partial"


def ensure(
    names: Iterable[str], *, sources: Sequence[Source] | None = None, cache: Path | None = None, say: Say = to_stderr
) -> dict[str, Path]:
    """Return the path of each named component's program, after getting those that the cache lacks.

    A second process that wants to build waits for the first and then finds its work. Interrupted at any time, the
    next call goes on: what was finished stays, what was compiled is in Go's own cache, what was downloaded is kept.

    Args:
        names: Names of components.
        sources: Where they come from, the first that has one wins; by default what `select_sources` returns.
        cache: The directory of all binaries; by default the user's cache.
        say: Where progress goes.

    Raises:
        DevclusterError: A component is unknown or could not be got.
    """
    chosen = select_sources() if sources is None else sources
    root = paths.binaries_dir() if cache is None else cache
    return ensure_components([named(name) for name in names], sources=chosen, cache=root, say=say)


def select_sources() -> list[Source]:
    """Return the sources that the environment variable EDGEFLEET_RELEASES asks for, the preferred one first.

    Raises:
        DevclusterError: Its value is none of ``auto``, ``never`` and ``only``.
    """
    mode = os.environ.get("EDGEFLEET_RELEASES") or "auto"
    match mode:
        case "auto":
            return [releases.shared_source(), GoSource()]
        case "never":
            return [GoSource()]
        case "only":
            return [releases.shared_source()]
        case _:
            raise DevclusterError(f"EDGEFLEET_RELEASES is {mode!r}: set it to auto, never or only")


def ensure_components(
    components: Iterable[Component], *, sources: Sequence[Source], cache: Path, say: Say
) -> dict[str, Path]:
    """Do `ensure` for components that need not be in the table."""
    found = {item.name: (item, find(item, sources=sources, cache=cache)) for item in components}
    programs = {name: path for name, (_, path) in found.items() if path}
    missing = [item for item, path in found.values() if path is None]
    if missing:
        try:
            with exclusive(cache / "build.lock", purpose="build", say=say):
                for number, item in enumerate(missing, 1):
                    # Looked for again: another process, or the download of a whole archive, may have brought it.
                    path = find(item, sources=sources, cache=cache)
                    label = f"[{number}/{len(missing)}] {item.name} {item.set.version}"
                    programs[item.name] = path or _obtain(item, sources, cache, label, say)
        except OSError as error:
            raise DevclusterError(
                f"cannot write the build cache {cache}: {error}; set EDGEFLEET_CACHE to a writable directory"
            ) from error
    return {name: programs[name] for name in found}


def find(component: Component, *, sources: Sequence[Source] | None = None, cache: Path | None = None) -> Path | None:
    """Return the program in the cache, whichever source it is from; None if it is to be got.

    Asks no network. A source that cannot even tell where its programs would be, as without Go, has none.

    Args:
        component: The component.
        sources: Whose programs count; by default those of `select_sources`.
        cache: The directory of all binaries; by default the user's cache.

    Raises:
        DevclusterError: EDGEFLEET_RELEASES has an unknown value.
    """
    root = paths.binaries_dir() if cache is None else cache
    for source in select_sources() if sources is None else sources:
        with suppress(DevclusterError):
            if source.offers(component) and (path := location(component, source=source, cache=root)).exists():
                return path
    return None


def location(component: Component, *, source: Source, cache: Path) -> Path:
    """Return where the component's program from this source is or will be."""
    components = component.set
    return cache / f"{components.name}-{components.version}-{source.key(components)}" / component.name


def _obtain(component: Component, sources: Sequence[Source], cache: Path, label: str, say: Say) -> Path:
    """Get the program from the first source that can give it."""
    able = [source for source in sources if source.offers(component)]
    if not able:
        raise DevclusterError(
            f"{component.name} {component.set.version} has no official binary for {releases.platform()}, and "
            "EDGEFLEET_RELEASES=only forbids building it: set it to auto"
        )
    for source in able:
        try:
            return _produce(component, source, cache, Progress(say, label, _SAY_EVERY_SECONDS))
        except SourceUnavailableError as error:
            if source is able[-1]:
                what = f"{component.name} {component.set.version}"
                raise DevclusterError(
                    f"{what}: {error}; with EDGEFLEET_RELEASES=auto it would be built instead"
                ) from error
            if not error.told:
                say(f"{label}: {error}; building instead")
    raise AssertionError(label)  # the last one returns or raises


def _produce(component: Component, source: Source, cache: Path, progress: Progress) -> Path:
    path = location(component, source=source, cache=cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f"*{_TEMPORARY}"):
        # Ours is the lock, so whoever wrote it is gone.
        leftover.unlink()
    partial = path.with_name(f"{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        source.produce(component, partial, path.with_name(f"{path.name}.log"), progress)
        partial.chmod(0o755)
        publish(partial, path)
    except SourceUnavailableError:
        with suppress(OSError):
            path.parent.rmdir()  # nothing came: no empty folder where there is no network
        raise
    finally:
        partial.unlink(missing_ok=True)
    progress.tell(f"done in {progress.elapsed:.0f} s")
    return path
