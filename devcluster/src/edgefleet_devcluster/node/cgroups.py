"""The control groups of a cluster's nodes, on cgroup v1 and v2.

Each node has a group of its own at the top of every hierarchy: kubelets that shared one would remove each other's pods.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgefleet_devcluster.errors import DevclusterError

_ROOT = Path("/sys/fs/cgroup")
_POLL_SECONDS = 0.05
_GONE_SECONDS = 10.0
_KIND = "use kind instead: `kind create cluster`, then EDGEFLEET_CONTEXT=kind-kind"


@dataclass(frozen=True)
class ControlGroups:
    """All hierarchies of this machine: one on v2, one a controller on v1."""

    root: Path = _ROOT

    @property
    def version(self) -> int:
        """2 where one hierarchy holds every controller, 1 where each has its own."""
        return 2 if (self.root / "cgroup.controllers").exists() else 1

    def hierarchies(self) -> list[Path]:
        """Return the folders under which groups are made.

        Raises:
            DevclusterError: None is mounted.
        """
        if self.version == 2:
            return [self.root]
        # `cpu` may be a link to `cpu,cpuacct`: the same hierarchy twice.
        found = [path for path in sorted(self.root.glob("*")) if not path.is_symlink() and _is_group(path)]
        if not found:
            raise DevclusterError(f"no control groups are mounted under {self.root}: {_KIND}")
        return found

    def folders(self, group: str) -> list[Path]:
        """Return the group's folder in every hierarchy, existing or not."""
        return [hierarchy / group for hierarchy in self.hierarchies()]

    def create(self, group: str) -> None:
        """Make the group and the groups above it, ready to hold containers.

        Args:
            group: A relative path such as ``edgefleet-default/agentnode-raspi1``.

        Raises:
            DevclusterError: The system does not let us.
        """
        try:
            for hierarchy in self.hierarchies():
                self._create_in(hierarchy, group)
        except OSError as error:
            if self.version == 2 and error.errno == errno.EBUSY:
                raise DevclusterError(
                    f"{error.filename} holds processes, so no controller can be passed on to groups below it "
                    f"(a container without a cgroup of its own?): {_KIND}"
                ) from error
            raise DevclusterError(f"cannot make control group {group}: {error}: {_KIND}") from error

    def _create_in(self, hierarchy: Path, group: str) -> None:
        above = hierarchy
        for part in Path(group).parts:
            if self.version == 2:
                _pass_controllers_on(above)
            folder = above / part
            folder.mkdir(exist_ok=True)
            # On v1 a new cpuset has neither processors nor memory, and nothing can run in it.
            for name in ("cpuset.cpus", "cpuset.mems"):
                own = folder / name
                if self.version == 1 and own.exists() and not own.read_text().strip():
                    own.write_text((above / name).read_text())
            above = folder

    def processes(self, group: str) -> set[int]:
        """Return the numbers of all processes in the group and below."""
        found: set[int] = set()
        for folder in self.folders(group):
            for listing in folder.rglob("cgroup.procs"):
                with suppress(OSError):  # gone while we looked
                    found.update(int(line) for line in listing.read_text().split())
        return found

    def delete(self, group: str) -> None:
        """Remove the group with all below it; the ends of its last processes are waited for.

        Raises:
            DevclusterError: Something still runs in it.
        """
        deadline = time.monotonic() + _GONE_SECONDS
        for folder in self.folders(group):
            while folder.exists():
                _remove_empty(folder)
                if folder.exists() and time.monotonic() > deadline:
                    raise DevclusterError(
                        f"control group {folder} does not go away; processes {sorted(self.processes(group))} are in it"
                    )
                time.sleep(_POLL_SECONDS if folder.exists() else 0)


def _is_group(path: Path) -> bool:
    # A v2 hierarchy mounted beside v1 has no controllers: kubelet and runc make groups there too where it is found.
    return (path / "cgroup.procs").exists()


def _pass_controllers_on(folder: Path) -> None:
    available = set((folder / "cgroup.controllers").read_text().split())
    switch = folder / "cgroup.subtree_control"
    missing = available - set(switch.read_text().split())
    if missing:
        switch.write_text(" ".join(f"+{name}" for name in sorted(missing)))


def _remove_empty(folder: Path) -> None:
    """Remove what can be removed, the deepest first; a group is removed by rmdir, its files go with it."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()
