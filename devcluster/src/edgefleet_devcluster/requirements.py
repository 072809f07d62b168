"""What a cluster with nodes needs of this machine, checked before anything is changed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from edgefleet_devcluster import installed
from edgefleet_devcluster.binaries.sources import free_bytes
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.node.cgroups import ControlGroups

KIND = "or use kind: `kind create cluster`, then EDGEFLEET_CONTEXT=kind-kind"
PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "iptables": "iptables",
    "iptables-save": "iptables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""Program -> Debian's package."""
CNI_FOLDER = Path("/usr/lib/cni")
CNI_PLUGINS = ("host-local", "loopback", "portmap", "ptp")


_GIB = 1024**3
_DISK = 2 * _GIB
"""Images unpacked on four nodes, etcd's log, and some room for what runs there."""


def check(state: Path) -> None:
    """Raise when a cluster cannot run here.

    Args:
        state: The directory for its state.

    Raises:
        DevclusterError: With what is wrong and what to do.
    """
    if troubles := examine(state):
        raise DevclusterError("; ".join(f"{subject}: {detail}: {remedy}" for subject, detail, remedy in troubles))


def examine(state: Path) -> list[tuple[str, str, str]]:
    """Return what is wrong: subject, detail, remedy."""
    if sys.platform != "linux":
        return [("platform", sys.platform, f"nodes run on Linux only: use a Linux machine or VM, {KIND}")]
    troubles: list[tuple[str, str, str]] = []
    if os.geteuid() != 0:
        remedy = f"containers and networks need root: run it as root, {KIND}; `devcluster control-plane up` needs none"
        troubles.append(("user", f"number {os.geteuid()}", remedy))
    if packages := missing_packages():
        troubles.append(
            ("packages", f"missing: {', '.join(packages)}", f"`apt-get install {' '.join(packages)}`, {KIND}")
        )
    if (free := free_bytes(state)) < _DISK:
        remedy = f"{_DISK / _GIB:.0f} GiB are needed: free some, or set EDGEFLEET_STATE to a directory on a larger disk"
        troubles.append(("disk", f"{free / _GIB:.1f} GiB free at {state}", remedy))
    try:
        ControlGroups().hierarchies()
    except DevclusterError as error:
        detail, _, remedy = str(error).partition(": ")
        troubles.append(("control groups", detail, remedy))
    return troubles


def missing_packages() -> list[str]:
    """Return Debian's names of the packages to install."""
    missing = {package for program, package in PROGRAMS.items() if not shutil.which(program, path=installed.PATH)}
    if any(not (CNI_FOLDER / plugin).exists() for plugin in CNI_PLUGINS):
        missing.add("containernetworking-plugins")
    return sorted(missing)
