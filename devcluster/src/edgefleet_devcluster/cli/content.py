"""The commands on what a cluster is made of: binaries and images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster import images
from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.binaries.components import COMPONENTS
from edgefleet_devcluster.chosen import ChosenCluster
from edgefleet_devcluster.cli.clusters import existing
from edgefleet_devcluster.cli.options import add_command, add_named
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import store

if TYPE_CHECKING:
    import argparse

    from edgefleet_devcluster.cli.options import Commands


def add_to(commands: Commands) -> None:
    """Add the commands."""
    building = add_command(commands, "build", "get the binaries that are missing: download or compile them", _build)
    building.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(COMPONENTS)}; default: all")
    picturing = add_command(commands, "images", "build the images that are missing", _images)
    picturing.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    picturing.add_argument("--catalogue", type=Path, help="a file that lists images; default: the cluster's own")
    loading = add_named(commands, "load-image", "bring images (docker save, buildah push) onto nodes", _load)
    loading.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    loading.add_argument("--node", action="append", default=[], help="onto this node only; may be repeated")


def _build(options: argparse.Namespace) -> int:
    for path in build.ensure(options.names or list(COMPONENTS)).values():
        print(path)
    return 0


def _images(options: argparse.Namespace) -> int:
    for image in images.ensure(options.names or None, catalogue=options.catalogue).values():
        print(f"{image.reference} {image.archive}")
    return 0


def _load(options: argparse.Namespace) -> int:
    if chosen := ChosenCluster.find():
        for archive in options.archives:
            chosen.load(archive)
        return 0
    cluster = existing(options)
    for name in options.node:
        if name not in cluster.nodes:
            raise DevclusterError(f"no node {name!r}; there are: {', '.join(cluster.nodes)}")
    for archive in options.archives:
        for name in options.node or cluster.nodes:
            for reference in store.load_archive(archive, cluster.nodes[name].socket):
                print(f"{name}: {reference}")
    return 0
