"""Where the demo keeps what it makes: never in the repository. Must not know what is in the files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[3]
"""The checkout that this package is installed from; the demo builds and runs what is in it."""


def cache_dir() -> Path:
    """Return the folder for what can be made again: EDGEFLEET_CACHE, else the user's cache."""
    return _base("EDGEFLEET_CACHE", "XDG_CACHE_HOME", ".cache")


def state_dir(name: str) -> Path:
    """Return the folder of the demo on the cluster called ``name``: in EDGEFLEET_STATE, else in the user's data."""
    return _base("EDGEFLEET_STATE", "XDG_DATA_HOME", ".local/share") / "demo" / name


def _base(override: str, xdg: str, fallback: str) -> Path:
    if value := os.environ.get(override):
        return Path(value).expanduser().absolute() / "edgefleet"
    given = os.environ.get(xdg, "")
    # The XDG specification says to ignore relative values.
    return (Path(given) if given.startswith("/") else Path.home() / fallback) / "edgefleet"


@dataclass(frozen=True)
class Places:
    """The folders and files of one demo."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the one command that works on this demo."""
        return self.root.with_name(f".{self.root.name}.lock")

    @property
    def cluster(self) -> Path:
        """Which cluster the rest belongs to: the uid of its namespace kube-system."""
        return self.root / "cluster"

    @property
    def release_key(self) -> Path:
        """The private key that signs models; its public half is beside it, in ``.pub``."""
        return self.root / "keys" / "release.key"

    @property
    def platform(self) -> Path:
        """What the charts were installed with."""
        return self.root / "platform"

    @property
    def credentials(self) -> Path:
        """What reaching the model registry takes: ``ca.crt`` and ``token``."""
        return self.root / "credentials"

    @property
    def identities(self) -> Path:
        """One folder a device: its certificate, its key, the keys that it trusts."""
        return self.root / "identities"

    @property
    def plant(self) -> Path:
        """Of the process that keeps the devices running: settings, pid file, logs."""
        return self.root / "plant"

    @property
    def clone(self) -> Path:
        """The demo's own clone of the fleet's Git repository."""
        return self.root / "clone"

    @property
    def working_copy(self) -> Path:
        """The user's clone."""
        return self.root / "fleet"

    @property
    def models(self) -> Path:
        """ModelVersion files as published, before they are committed."""
        return self.root / "models"

    def identity(self, device: str) -> Path:
        """Return the folder with a device's certificate, key and trusted keys."""
        return self.identities / device

    def flash(self, device: str) -> Path:
        """Return the folder with a device's flash."""
        return self.root / "flash" / device
