"""What a machine holds that a cluster could leave behind: processes, mounts, links, rules, groups, namespaces."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_PROGRAMS = (
    "kube",
    "etcd",
    "containerd",
    "runc",
    "pause",
    "coredns",
    "unshare",
    "lighttpd",
    "edgefleet_devcluster.node",
)


@dataclass(frozen=True)
class Residue:
    """One look at the machine."""

    processes: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    routes: frozenset[str]
    rules: frozenset[str]
    groups: frozenset[str]
    namespaces: frozenset[str]

    @classmethod
    def now(cls) -> Residue:
        """Look."""
        return cls(
            processes=frozenset(_processes()),
            mounts=frozenset(Path("/proc/self/mounts").read_text().splitlines()),
            links=frozenset(link["ifname"] for link in json.loads(_run("ip", "-json", "link"))),
            routes=frozenset(_run("ip", "route", "show", "table", "all").splitlines()),
            rules=frozenset(line for line in _run("iptables-save").splitlines() if line.startswith("-A")),
            groups=frozenset(str(path) for path in _CGROUPS.rglob("*") if path.is_dir()),
            namespaces=frozenset(_run("ip", "netns", "list").splitlines()),
        )

    def more_than(self, before: Residue) -> dict[str, list[str]]:
        """Return what is here and was not before, by kind."""
        found = {field.name: getattr(self, field.name) - getattr(before, field.name) for field in fields(self)}
        return {name: sorted(new) for name, new in found.items() if new}


def _processes() -> list[str]:
    """Name the processes of kinds that a cluster starts, each with its number."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue  # ended while we looked
            if any(word in command for word in _PROGRAMS):
                found.append(f"{entry.name} {command}")
    return found


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
