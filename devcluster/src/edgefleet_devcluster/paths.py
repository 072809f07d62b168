"""Where binaries are cached and where clusters keep their state: never in the repository."""

from __future__ import annotations

import os
from pathlib import Path


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


def clusters_dir() -> Path:
    """Return the directory under which each named cluster keeps its state."""
    return _base("EDGEFLEET_STATE", "XDG_STATE_HOME", ".local/state") / "devcluster"
