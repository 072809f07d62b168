"""The commands on a whole cluster: up, down, status and what one does with one that runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster import logs
from edgefleet_devcluster.addons import gitserver
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.chosen import VARIABLE, ChosenCluster
from edgefleet_devcluster.cli.options import add_named, add_rest, become, rest
from edgefleet_devcluster.cluster import Cluster
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.paths import cluster_dir

if TYPE_CHECKING:
    import argparse

    from edgefleet_devcluster.cli.options import Commands

_MIB = 1024**2


def add_to(commands: Commands) -> None:
    """Add the commands."""
    up = add_named(commands, "up", "start the cluster in the background, or mend it, building what is missing", _up)
    up.add_argument("--no-flux", action="store_true", help="leave out Flux and the Git server")
    down = add_named(commands, "down", "stop it and remove what it made on this machine; its data stays", _down)
    down.add_argument("--delete", action="store_true", help="remove its data as well")
    add_named(commands, "status", "tell what runs; fails unless all of it does", _status)
    add_named(commands, "kubeconfig", "print the path of the administrator's kubeconfig", _kubeconfig)
    add_rest(
        add_named(commands, "helm", "run helm on it: devcluster helm -- list -A", _helm),
        "ARGUMENTS",
    )
    add_rest(
        add_named(commands, "kubectl", "run kubectl on it: devcluster kubectl -- get pods -A", _kubectl), "ARGUMENTS"
    )
    url = add_named(commands, "git-url", "print the URL of the cluster's own Git repository", _git_url)
    url.add_argument("repository", nargs="?", default="fleet")
    add_rest(
        add_named(commands, "git", "run git as who may push there: devcluster git -- push origin main", _git),
        "ARGUMENTS",
    )
    shell = add_named(commands, "exec", "run a program inside a node: devcluster exec agentnode-raspi1 -- ip a", _exec)
    shell.add_argument("node", metavar="NODE")
    add_rest(shell, "PROGRAM...")
    words = add_named(commands, "logs", "show logs of its programs (pods' logs: devcluster kubectl -- logs)", _logs)
    words.add_argument("program", nargs="?", default="", help="for example kube-apiserver or agentnode-raspi1/kubelet")
    words.add_argument("--follow", "-f", action="store_true", help="go on as it grows")
    words.add_argument("--lines", "-n", type=int, default=40, help="how many of the last (default: %(default)s)")
    words.add_argument("--export", type=Path, metavar="FOLDER", help="write all logs, events and pods' logs there")
    save = add_named(commands, "snapshot", "save what it stores (etcd) to a file, while it runs", _snapshot)
    save.add_argument("file", type=Path)
    back = add_named(commands, "restore", "put a snapshot back and start the control plane on it", _restore)
    back.add_argument("file", type=Path)


def _cluster(options: argparse.Namespace) -> Cluster:
    return Cluster(options.name, cluster_dir(options.name))


def existing(options: argparse.Namespace) -> Cluster:
    """Return the cluster that the options name.

    Raises:
        DevclusterError: It was never started.
    """
    found = _cluster(options)
    if not found.kubeconfig.exists():
        raise DevclusterError(f"no cluster {options.name!r}: start it with `devcluster up --name {options.name}`")
    return found


def _up(options: argparse.Namespace) -> int:
    if chosen := ChosenCluster.find():
        print(f"{chosen.context}: Kubernetes {chosen.check()} answers; {VARIABLE} chose it, so nothing is started")
        return 0
    cluster = _cluster(options)
    cluster.flux = not options.no_flux
    if not cluster.start():
        print(f"{cluster.name}: already running at {cluster.control_plane.server}")
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    return 0


def _down(options: argparse.Namespace) -> int:
    if chosen := ChosenCluster.find():
        raise DevclusterError(
            f"{VARIABLE} chose {chosen.context!r}, which is not ours to stop: unset it to stop our own"
        )
    cluster = _cluster(options)
    print(f"{options.name}: stopped" if cluster.stop() else f"{options.name}: was not running")
    if options.delete:
        cluster.delete()
    return 0


def _status(options: argparse.Namespace) -> int:
    cluster = existing(options)
    status = cluster.status()
    for line in status.lines:
        print(line)
    if status.troubles:
        raise DevclusterError(
            f"cluster {options.name!r} is not as it should be ({'; '.join(status.troubles)}): "
            f"`devcluster up --name {options.name}` mends it"
        )
    return 0


def _kubeconfig(options: argparse.Namespace) -> int:
    print(existing(options).kubeconfig)
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    if chosen := ChosenCluster.find():
        binary = str(build.ensure(["kubectl"])["kubectl"])
        return become([binary, f"--context={chosen.context}", *rest(options)])
    kubectl = existing(options).kubectl
    return become([str(kubectl.binary), *rest(options)], kubectl.environment)


def _helm(options: argparse.Namespace) -> int:
    binary = str(build.ensure(["helm"])["helm"])
    if chosen := ChosenCluster.find():
        return become([binary, f"--kube-context={chosen.context}", *rest(options)])
    return become([binary, *rest(options)], existing(options).kubectl.environment)


def _remote(cluster: Cluster, repository: str) -> str:
    if subnet := cluster.segment.subnet():
        return gitserver.remote(subnet.node(0), repository)
    raise DevclusterError(f"{cluster.name} does not run: `devcluster up --name {cluster.name}` starts it")


def _git_url(options: argparse.Namespace) -> int:
    print(_remote(existing(options), options.repository))
    return 0


def _git(options: argparse.Namespace) -> int:
    cluster = existing(options)
    credentials = gitserver.Credentials.find(cluster.kubectl)
    if credentials is None:
        raise DevclusterError(f"{cluster.name} has no Git server: `devcluster up --name {cluster.name}` adds it")
    # For every repository of the server, and for no other address.
    server = _remote(cluster, "").removesuffix(".git")
    return become(["git", *rest(options)], os.environ | credentials.environment(server))


def _exec(options: argparse.Namespace) -> int:
    cluster = existing(options)
    if options.node not in cluster.nodes:
        raise DevclusterError(f"no node {options.node!r}; there are: {', '.join(cluster.nodes)}")
    return become(cluster.nodes[options.node].inside(rest(options) or ["bash"]))


def _logs(options: argparse.Namespace) -> int:
    cluster = existing(options)
    if options.export:
        for path in logs.export(cluster, options.export):
            print(path)
        return 0
    files = logs.files(cluster)
    if not options.program:
        for name, path in files.items():
            print(f"{name:32} {path}")
        return 0
    if options.program not in files:
        raise DevclusterError(f"no log of {options.program!r}; there are: {', '.join(files)}")
    follow = ["--follow=name"] if options.follow else []
    return become(["tail", f"--lines={options.lines}", *follow, str(files[options.program])])


def _snapshot(options: argparse.Namespace) -> int:
    existing(options).save(options.file)
    print(options.file)
    return 0


def _restore(options: argparse.Namespace) -> int:
    existing(options).restore(options.file)
    print(f"{options.name}: restored from {options.file}")
    return 0
