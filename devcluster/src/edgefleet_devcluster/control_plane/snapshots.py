"""Snapshots of what a cluster stores: saved while it runs, put back as if time had jumped."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.control_plane import commands
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_devcluster.control_plane.plane import ControlPlane

_SECONDS = 300.0
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# Far beyond what any client has seen: a revision is never used for two different things.
_REVISIONS_SKIPPED = 1_000_000_000


def save(plane: ControlPlane, file: Path) -> None:
    """Write all that the control plane stores to ``file``, whole or not at all.

    Raises:
        DevclusterError: It does not run, or the file cannot be written.
    """
    if not plane.status().ready:
        raise DevclusterError(f"{plane.name} does not run, and only a running cluster can be saved: start it first")
    file.parent.mkdir(parents=True, exist_ok=True)
    _run("etcdctl", plane, f"--endpoints={commands.ETCD_URL}", "snapshot", "save", str(file.absolute()))


def restore(plane: ControlPlane, file: Path) -> None:
    """Put back what `save` wrote; the control plane stops for it, and has to be started again.

    Every watch starts anew: revisions jump ahead and the past counts as compacted, so no client keeps what it saw
    after the snapshot. Interrupted at any moment, either the old or the restored data is there.

    Raises:
        DevclusterError: The file is no sound snapshot; then nothing was changed.
    """
    if not file.is_file():
        raise DevclusterError(f"no snapshot {file}")
    fresh, current = plane.directory / "etcd-data.restored", plane.directory / commands.ETCD_DATA
    shutil.rmtree(fresh, ignore_errors=True)
    _run(
        "etcdutl",
        plane,
        "snapshot",
        "restore",
        str(file.absolute()),
        f"--data-dir={fresh}",
        f"--bump-revision={_REVISIONS_SKIPPED}",
        "--mark-compacted",
        *commands.ETCD_MEMBER,
    )
    plane.stop()
    current.mkdir(exist_ok=True, mode=0o700)
    _exchange(fresh, current)
    shutil.rmtree(fresh)


def _run(program: str, plane: ControlPlane, *arguments: str) -> None:
    binary = build.ensure([program], say=plane.say)[program]
    try:
        done = subprocess.run(
            [binary, *arguments],
            cwd=plane.directory,  # etcd's socket has a relative name
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise DevclusterError(f"{program} {arguments[0]} did not end in {_SECONDS:.0f} s") from error
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise DevclusterError(
            f"{program} {' '.join(arguments[:3])} failed: {words[-1] if words else 'no reason given'}"
        )


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders at once: no moment without either."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise DevclusterError(f"cannot put {one} in the place of {other}: {os.strerror(number)}")
