"""Brings images into a node's containerd and removes those that nobody names any more."""

from __future__ import annotations

import re
import subprocess
from typing import IO, TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import archives
from edgefleet_devcluster.images.plans import REPOSITORY
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.progress import Say, to_stderr

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager
    from pathlib import Path

    from edgefleet_devcluster.images.plans import Image

NAMESPACE = "k8s.io"
"""Where containerd keeps what the kubelet sees."""
_SECONDS = 600.0
_ROW = re.compile(r"(?P<reference>\S+)\s+\S+\s+(?P<digest>sha256:[0-9a-f]{64})\s")


def load(image: Image, socket: Path, *, say: Say = to_stderr) -> bool:
    """Bring an image to a node; return False if it has it.

    Args:
        image: The image.
        socket: The socket of the node's containerd, as this process reaches it.
        say: Where it is told that another process loads images there.

    Raises:
        DevclusterError: containerd does not answer or does not take the image.
    """
    return _load(image.archive, archives.references(image.archive), socket, say)


def load_archive(archive: Path, socket: Path, *, say: Say = to_stderr) -> list[str]:
    """Bring the images of an archive to a node; return their references as pods are to name them.

    Args:
        archive: What `docker save` or `buildah push` wrote.
        socket: The socket of the node's containerd, as this process reaches it.
        say: Where it is told that another process loads images there.

    Raises:
        DevclusterError: It is no image archive, names no image, or containerd does not take it.
    """
    found = archives.references(archive)
    # Not skipped where only the names are known: the user may have built the same name anew.
    if not all(found.values()):
        with _alone(socket, say):
            _import(archive, found, socket)
    else:
        _load(archive, found, socket, say)
    return list(found)


def prune(keep: Collection[str], socket: Path) -> list[str]:
    """Remove what came before some images, unless a container uses it; return the references.

    Args:
        keep: References; other images of the same names go, images of other names are not touched.
        socket: The socket of the node's containerd, as this process reaches it.

    Raises:
        DevclusterError: containerd does not answer.
    """
    stored = _stored(socket)
    used = {line.split()[1] for line in _ctr(socket, "containers", "list").splitlines()[1:] if len(line.split()) > 1}
    kinds = {_kind(name) for name in keep}
    ours = [name for name in stored if name.startswith(f"{REPOSITORY}/") and _kind(name) in kinds]
    gone = [name for name in ours if name not in keep and name not in used]
    digests = {stored[name] for name in gone} - {stored[name] for name in ours if name not in gone}
    # The kubelet's side gives every image a second name, its id, which would keep its content.
    ids = [name for name, digest in stored.items() if name.startswith("sha256:") and digest in digests]
    if gone:
        _ctr(socket, "images", "remove", "--sync", *gone, *ids)
    return gone


def _kind(reference: str) -> str:
    """Return an image's full name without its key."""
    return reference.rpartition(":")[0]


def _load(archive: Path, found: dict[str, str], socket: Path, say: Say) -> bool:
    if _has(found, socket):
        return False
    with _alone(socket, say):
        if _has(found, socket):
            return False
        _import(archive, found, socket)
    return True


def _alone(socket: Path, say: Say) -> AbstractContextManager[None]:
    # Beside the socket, which two clusters never share. Two imports at once would remove each other's layers below.
    return exclusive(socket.with_name("edgefleet-images.lock"), purpose="loading images", say=say, timeout=_SECONDS)


def _has(found: dict[str, str], socket: Path) -> bool:
    unpacked = _unpacked(socket)
    return all(name in unpacked and digest in ("", unpacked[name]) for name, digest in found.items())


def _import(archive: Path, found: dict[str, str], socket: Path) -> None:
    with archive.open("rb") as content:
        _ctr(socket, "images", "import", "-", content=content)
    unpacked = _unpacked(socket)
    for name, digest in found.items():
        if name not in unpacked or digest not in ("", unpacked[name]):
            raise DevclusterError(f"containerd at {socket} took {archive} but has no {name} that containers can use")
    # Containers run from what was unpacked; the layers as they came would be kept a second time.
    _ctr(socket, "content", "prune", "references")


def _stored(socket: Path) -> dict[str, str]:
    """Return the images that containerd knows, with their digests."""
    rows = (_ROW.match(line) for line in _ctr(socket, "images", "list").splitlines())
    return {row["reference"]: row["digest"] for row in rows if row}


def _unpacked(socket: Path) -> dict[str, str]:
    """Return the images that a container can be started from, with their digests."""
    lines = _ctr(socket, "images", "check").splitlines()
    # The last column. The one before it may say "incomplete": layers that are unpacked are not kept.
    rows = (_ROW.match(line) for line in lines if line.split()[-1:] == ["true"])
    return {row["reference"]: row["digest"] for row in rows if row}


def _ctr(socket: Path, *arguments: str, content: IO[bytes] | int = subprocess.DEVNULL) -> str:
    if not socket.exists():
        raise DevclusterError(f"no containerd listens at {socket}: start the node first")
    command = ["ctr", f"--address={socket}", f"--namespace={NAMESPACE}", *arguments]
    try:
        done = subprocess.run(
            command, stdin=content, capture_output=True, text=True, check=False, timeout=_SECONDS, errors="replace"
        )
    except FileNotFoundError as error:
        raise DevclusterError("no `ctr` on PATH: `apt-get install containerd`") from error
    except subprocess.TimeoutExpired as error:
        raise DevclusterError(f"containerd at {socket} did not answer within {_SECONDS:.0f} s; see its log") from error
    if done.returncode != 0:
        raise DevclusterError(
            f"`ctr {' '.join(arguments[:2])}` at {socket} failed: {done.stderr.strip()[-500:]}; see containerd's log"
        )
    return done.stdout
