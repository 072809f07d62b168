"""Looks for what would keep a cluster from starting on this machine, before it does."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster import paths, requirements
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.binaries.components import COMPONENTS
from edgefleet_devcluster.binaries.sources import GoSource, free_bytes
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.network import LOOPBACK, held_port

if TYPE_CHECKING:
    from collections.abc import Callable

_GIB = 1024**3
_DISK_TO_BUILD = 15 * _GIB
"""Cold: 5 GiB of modules, 8 GiB of Go's build cache, 1 GiB of binaries, 0.3 GiB while linking."""
_DISK_TO_RUN = 1 * _GIB
_MEMORY_TO_BUILD = 3 * _GIB
_MEMORY_TO_RUN = 1 * _GIB


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    detail: str
    remedy: str = ""
    """What to do; empty when all is well."""

    @property
    def fine(self) -> bool:
        """Whether nothing is to be done."""
        return not self.remedy

    def __str__(self) -> str:
        """Return the line that is printed."""
        return (
            f"ok    {self.subject}: {self.detail}"
            if self.fine
            else f"FAIL  {self.subject}: {self.detail}: {self.remedy}"
        )


def examine() -> list[Finding]:
    """Look at everything; one trouble hides no other."""
    missing, go = _components()
    return [
        _platform(),
        *go,
        _binaries(missing),
        _disk(missing),
        _memory(missing),
        *_directories(),
        _ports(),
        *_nodes(),
    ]


def _nodes() -> list[Finding]:
    """Return what a cluster with nodes needs beyond that."""
    troubles = requirements.examine(paths.clusters_dir())
    if not troubles:
        return [Finding("nodes", "root, programs and control groups are as nodes need them")]
    return [Finding(f"nodes: {subject}", detail, remedy) for subject, detail, remedy in troubles]


def _platform() -> Finding:
    machine = f"{sys.platform} {os.uname().machine}"
    if sys.platform != "linux" or not Path("/proc/self/stat").exists():
        return Finding("platform", machine, "Kubernetes runs on Linux only: use a Linux machine, VM or container")
    return Finding("platform", machine)


def _components() -> tuple[list[str], list[Finding]]:
    """Return the components to build, and what is to say about Go."""
    try:
        sources = build.select_sources()
    except DevclusterError as error:
        detail, _, remedy = str(error).partition(": ")
        return list(COMPONENTS), [Finding("binaries", detail, remedy)]
    missing = {name: item for name, item in COMPONENTS.items() if build.find(item, sources=sources) is None}
    if not missing:
        return [], []
    # Whether an official binary can be downloaded shows only then: Go is needed where it cannot.
    newest = max((item.set for item in missing.values()), key=lambda components: components.go_mod.go)
    try:
        toolchain = GoSource().toolchain(newest)
    except DevclusterError as error:
        detail, _, remedy = str(error).partition(": ")
        return list(missing), [Finding("go", detail, remedy)]
    return list(missing), [Finding("go", f"{toolchain.env['GOVERSION']} ({toolchain.go})")]


def _binaries(missing: list[str]) -> Finding:
    if missing:
        # No failure: they are built when they are needed.
        return Finding("binaries", f"to build: {', '.join(missing)} (`devcluster build`)")
    return Finding("binaries", f"all in {paths.binaries_dir()}")


def _disk(missing: list[str]) -> Finding:
    needed = _DISK_TO_BUILD if missing else _DISK_TO_RUN
    cache = paths.binaries_dir()
    free = free_bytes(cache)
    detail = f"{free / _GIB:.1f} GiB free at {cache}"
    if free < needed:
        return Finding(
            "disk", detail, f"{needed / _GIB:.0f} GiB are needed; free some, or set EDGEFLEET_CACHE to a larger disk"
        )
    return Finding("disk", detail)


def _memory(missing: list[str]) -> Finding:
    needed = _MEMORY_TO_BUILD if missing else _MEMORY_TO_RUN
    available = available_memory()
    detail = f"{available / _GIB:.1f} GiB available"
    if available < needed:
        return Finding("memory", detail, f"{needed / _GIB:.0f} GiB are needed; end other programs or add memory")
    return Finding("memory", detail)


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that programs can still get; 0 if the system does not tell."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def _directories() -> list[Finding]:
    return [
        _directory("cache", paths.binaries_dir, "EDGEFLEET_CACHE"),
        _directory("state", paths.clusters_dir, "EDGEFLEET_STATE"),
    ]


def _directory(subject: str, where: Callable[[], Path], variable: str) -> Finding:
    place = where()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding(subject, f"cannot make {place} ({error.strerror})", f"set {variable} to a writable directory")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(subject, f"cannot write to {place}", f"set {variable} to a writable directory")
    return Finding(subject, str(place))


def _ports() -> Finding:
    try:
        with held_port() as port:
            return Finding("ports", f"can listen on {LOOPBACK}, for example at {port}")
    except OSError as error:
        return Finding("ports", f"cannot listen on {LOOPBACK} ({error.strerror})", "bring up the loopback interface")
