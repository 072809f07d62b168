"""Where binaries are cached and where clusters keep their state: never in the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path

from edgefleet_devcluster.errors import DevclusterError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def _base(override: str, xdg: str, fallback: str) -> Path:
    """Return the edgefleet folder in the directory that ``override``, ``xdg`` or the home directory gives."""
    if value := os.environ.get(override):
        return Path(value).expanduser().absolute() / "edgefleet"
    given = os.environ.get(xdg, "")
    # The XDG specification says to ignore relative values.
    root = Path(given) if given.startswith("/") else Path.home() / fallback
    return root / "edgefleet"


def binaries_dir() -> Path:
    """Return the directory that holds every built component."""
    return _base("EDGEFLEET_CACHE", "XDG_CACHE_HOME", ".cache") / "bin"


def disks_dir() -> Path:
    """Return the directory of the templates of nodes' disks."""
    return _base("EDGEFLEET_CACHE", "XDG_CACHE_HOME", ".cache") / "disks"


def cluster_dir(name: str) -> Path:
    """Return the directory in which the cluster called ``name`` keeps its state.

    Raises:
        DevclusterError: The name cannot be one of a cluster.
    """
    return clusters_dir() / _checked(name)


def control_plane_dir(name: str) -> Path:
    """Return the directory in which the control plane without nodes called ``name`` keeps its state.

    Raises:
        DevclusterError: The name cannot be one of a control plane.
    """
    return _base("EDGEFLEET_STATE", "XDG_STATE_HOME", ".local/state") / "control-plane" / _checked(name)


def clusters_dir() -> Path:
    """Return the directory under which each cluster has its own."""
    return _base("EDGEFLEET_STATE", "XDG_STATE_HOME", ".local/state") / "devcluster"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DevclusterError(f"{name!r} is no cluster name: use at most 40 of a-z, 0-9 and -, no - at an end")
    return name
