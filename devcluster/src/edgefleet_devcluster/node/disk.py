"""A new node's disk: a copy of one that has the images already, made of hard links.

Importing and unpacking images into each of four containerds takes most of the time of a first start, and four times
their space. What containerd keeps of an image is never changed in place, so nodes share it with a template in the
cache.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster import installed
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import store
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.processes import tethered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgefleet_devcluster.images import Image
    from edgefleet_devcluster.progress import Say

_FORMAT = "1"
_KEPT = 4
"""Templates: those of the images before, of branches switched between."""
_DATABASE = "*.db"
_START_SECONDS = 20.0
_POLL_SECONDS = 0.05
_CONFIGURATION = """version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{state}/socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/opt"
"""


def provide(target: Path, images: Sequence[Image], cache: Path, say: Say) -> None:
    """Fill a containerd root that does not exist yet with the images, if it can be had by hard links.

    Where it cannot, because the cache is on another file system, nothing is done: the images are imported later.

    Args:
        target: The containerd root of a node that does not run.
        images: What it is to hold.
        cache: The directory of the templates.
        say: Where progress goes.

    Raises:
        DevclusterError: containerd does not start or does not take an image.
    """
    if target.exists() or not _linkable(cache, target.parent):
        return
    with exclusive(cache / "lock", purpose="node disks", say=say):
        template = _template(images, cache, say)
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        _run("cp", "--archive", "--link", f"{template}/.", str(partial))
    for database in partial.rglob(_DATABASE):
        # The one kind of file that is written to.
        copy = database.with_suffix(".copy")
        shutil.copy2(database, copy)
        copy.replace(database)
    partial.rename(target)


def _linkable(cache: Path, folder: Path) -> bool:
    cache.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    return cache.stat().st_dev == folder.stat().st_dev


def _template(images: Sequence[Image], cache: Path, say: Say) -> Path:
    """Return the folder that has these images, made if it is missing."""
    names = " ".join((_FORMAT, *sorted(image.reference for image in images)))
    template = cache / hashlib.sha256(names.encode()).hexdigest()[:16]
    if not template.exists():
        say(f"node disks: importing {', '.join(sorted(image.name for image in images))} (once for these images)")
        partial = template.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        with _containerd(partial) as socket:
            for image in images:
                store.load(image, socket, say=say)
        partial.rename(template)
    template.touch()
    kept = sorted((path for path in cache.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in kept[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return template


@contextmanager
def _containerd(root: Path) -> Iterator[Path]:
    """Run a containerd on a folder; give its socket."""
    with tempfile.TemporaryDirectory(prefix="edgefleet-disk-") as state:
        configuration = Path(state) / "containerd.toml"
        configuration.write_text(_CONFIGURATION.format(root=root, state=state))
        log = Path(state) / "log"
        socket = Path(state) / "socket"
        with log.open("wb") as out:
            command = tethered([installed.locate("containerd"), "--config", str(configuration)])
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    tail = " ".join(log.read_text(errors="replace").splitlines()[-3:])
                    raise DevclusterError(f"containerd does not start on {root}: {tail}")
                time.sleep(_POLL_SECONDS)
            yield socket
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_START_SECONDS)
            process.kill()
            process.wait()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DevclusterError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())}")
