"""The logs of a cluster: of its programs, and for whoever looks into a failure all there is to know."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgefleet_devcluster.cluster import Cluster
    from edgefleet_devcluster.kubectl import Kubectl

_POD_LINES = 500


def files(cluster: Cluster) -> dict[str, Path]:
    """Return the log of each program that wrote one: ``kube-apiserver``, ``agentnode-raspi1/kubelet``."""
    found = {path.stem: path for path in sorted((cluster.control_plane.directory / "log").glob("*.log"))}
    for node in cluster.nodes.values():
        found |= {node.name: node.program.log}
        found |= {f"{node.name}/{path.stem}": path for path in sorted((node.folder / "log").glob("*.log"))}
    return {name: path for name, path in found.items() if path.exists()}


def export(cluster: Cluster, folder: Path) -> list[Path]:
    """Write everything to ``folder``: programs' logs, events, all objects of all pods, pods' logs.

    What cannot be had is left out: a cluster in trouble is what this is for. Returns the files.
    """
    written: list[Path] = []
    for name, path in files(cluster).items():
        for source, suffix in ((path, ".log"), (path.with_suffix(".log.1"), ".log.1")):
            if source.exists():
                target = folder / "programs" / f"{name}{suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                written.append(target)
    for name, text in _from_kubernetes(cluster.kubectl):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        written.append(target)
    return written


def _from_kubernetes(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    with suppress(DevclusterError):
        yield "nodes.txt", kubectl("describe", "nodes").stdout
        yield "events.txt", kubectl("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp").stdout
        yield "pods.yaml", kubectl("get", "pods", "--all-namespaces", "--output=yaml").stdout
        pods = json.loads(kubectl("get", "pods", "--all-namespaces", "--output=json").stdout)["items"]
        for pod in pods:
            yield from _logs_of(kubectl, pod["metadata"]["namespace"], pod["metadata"]["name"])


def _logs_of(kubectl: Kubectl, namespace: str, pod: str) -> Iterator[tuple[str, str]]:
    options = (f"--namespace={namespace}", "--all-containers", "--prefix", f"--tail={_POD_LINES}", "--timestamps")
    for suffix, extra in (("", ()), (".previous", ("--previous",))):
        done = kubectl("logs", pod, *options, *extra, check=False)
        if done.stdout:
            yield f"pods/{namespace}/{pod}{suffix}.log", done.stdout
