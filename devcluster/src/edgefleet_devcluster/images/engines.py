"""What turns a Dockerfile into an image: docker where its engine answers, else buildah."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import archives
from edgefleet_devcluster.images.jobs import private
from edgefleet_devcluster.images.rootfs import Apt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgefleet_devcluster.images.jobs import Job

_DOCKER_SECONDS = 5.0
_DRIVERS = ("overlay", "vfs")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Order:
    """One image to build."""

    reference: str
    dockerfile: Path
    context: Path
    base: str = ""
    """What BASE_IMAGE is to be; empty for nothing."""
    debian: bool = False
    """Whether it stands on a root file system of ours, so that apt-get in it is to do as it does on this machine."""


class Engine(Protocol):
    """Builds images and keeps them, with their layers, for the next build."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    def has(self, reference: str, /) -> bool:
        """Whether the engine has the image."""
        ...

    def add(self, archive: Path, reference: str, job: Job, /) -> None:
        """Take an image from an archive."""
        ...

    def build(self, order: Order, job: Job, /) -> None:
        """Build an image and keep it under its reference."""
        ...

    def save(self, reference: str, archive: Path, job: Job, /) -> None:
        """Write an image that the engine has to an archive."""
        ...

    def forget_others(self, reference: str, /) -> None:
        """Remove the images of the same name with other tags."""
        ...


def choose(storage: Path) -> Engine:
    """Return the engine of this machine.

    Args:
        storage: Where buildah keeps its images; no other storage is touched.

    Raises:
        DevclusterError: There is none.
    """
    if _docker_answers():
        return Docker()
    remedy = "start a docker engine"
    if shutil.which("buildah") is None:
        raise DevclusterError(
            f"no docker engine answers and there is no `buildah`: `apt-get install buildah`, or {remedy}"
        )
    if os.geteuid() != 0:
        raise DevclusterError(
            f"no docker engine answers, and buildah is used as root only: run it as root, or {remedy}"
        )
    return Buildah(storage)


def _docker_answers() -> bool:
    # With a version: a client alone prints an empty one.
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DOCKER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


class Docker:
    """The user's docker engine."""

    name = "docker"

    def has(self, reference: str, /) -> bool:
        """Whether the engine has the image."""
        return _succeeds(["docker", "image", "inspect", reference])

    def add(self, archive: Path, reference: str, job: Job, /) -> None:
        """Take an image from an archive that docker can read."""
        job.run(["docker", "load", "--input", str(archive)])
        if not self.has(reference):
            raise DevclusterError(f"`docker load` found no {reference} in {archive}")

    def build(self, order: Order, job: Job, /) -> None:
        """Build an image and keep it under its reference."""
        arguments = [f"--build-arg={name}" for name in _PROXIES if name in os.environ]
        if order.base:
            arguments.append(f"--build-arg=BASE_IMAGE={order.base}")
        command = ["docker", "build", f"--tag={order.reference}", f"--file={order.dockerfile}", *arguments]
        # An attestation would make an index of what is one image.
        job.run([*command, str(order.context)], environment={"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"})

    def save(self, reference: str, archive: Path, job: Job, /) -> None:
        """Write an image that the engine has to an archive."""
        job.run(["docker", "save", f"--output={archive}", reference])

    def forget_others(self, reference: str, /) -> None:
        """Remove the images of the same name with other tags, as far as no container uses them."""
        repository = reference.rpartition(":")[0]
        listed = _lines(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository])
        for other in set(listed) - {reference}:
            _succeeds(["docker", "image", "rm", other])


class Buildah:
    """Buildah as root, with a storage of our own and without containers: Dockerfiles run in a chroot."""

    def __init__(self, storage: Path) -> None:
        """Use a storage folder; what a killed build left in it is cleared away.

        Raises:
            DevclusterError: buildah cannot use it.
        """
        self._storage = storage
        # Programs of images that run as their owner are in there: nobody else is to reach them.
        storage.mkdir(parents=True, exist_ok=True, mode=0o700)
        # On a file system that overlay cannot stand on, such as another overlay, every layer is a whole copy.
        for self._driver in _DRIVERS:
            self._prepare()
            if self._usable():
                break
        else:
            command = self._command("info")
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment)
            raise DevclusterError(f"buildah cannot keep images in {storage}: {done.stderr.strip()[-500:]}")
        for other in set(_DRIVERS) - {self._driver}:
            shutil.rmtree(storage / other, ignore_errors=True)

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"buildah ({self._driver})"

    def has(self, reference: str, /) -> bool:
        """Whether the storage has the image."""
        return _succeeds(self._command("inspect", "--type=image", reference), environment=self._environment)

    def add(self, archive: Path, reference: str, job: Job, /) -> None:
        """Take an image from an archive."""
        source = f"{archives.transport(archive)}:{archive}"
        job.run(self._command("pull", "--quiet", source), environment=self._environment)
        if not self.has(reference):
            raise DevclusterError(f"buildah found no {reference} in {archive}")

    def build(self, order: Order, job: Job, /) -> None:
        """Build an image and keep it, and its layers, under its reference."""
        options = ["--isolation=chroot", "--format=oci", "--identity-label=false", f"--tag={order.reference}"]
        # With copies for layers, every line of a Dockerfile would be one more copy.
        options += [f"--layers={str(self._driver == 'overlay').lower()}", "--pull=false"]
        if order.debian:
            sources, settings = Apt.of_this_machine().write(job.folder / "apt")
            options.append(f"--volume={settings}:/etc/apt/apt.conf:ro")
            options += [f"--volume={sources}:/etc/apt/sources.list:ro"] if sources else []
        if order.base:
            options.append(f"--build-arg=BASE_IMAGE={order.base}")
        command = self._command("bud", *options, f"--file={order.dockerfile}", str(order.context))
        job.run(command, environment=self._environment)

    def save(self, reference: str, archive: Path, job: Job, /) -> None:
        """Write an image to an archive, compressed with zstd: the smallest, and the fastest to import."""
        target = f"oci-archive:{archive}:{reference}"
        command = self._command("push", "--quiet", "--format=oci", "--compression-format=zstd", reference, target)
        job.run(command, environment=self._environment)

    def forget_others(self, reference: str, /) -> None:
        """Remove the images of the same name with other tags, and layers that belong to no image."""
        repository = reference.rpartition(":")[0]
        command = self._command("images", "--format={{.Name}}:{{.Tag}}")
        for other in _lines(command, environment=self._environment):
            if other.rpartition(":")[0] == repository and other != reference:
                _succeeds(self._command("rmi", "--force", other), environment=self._environment)
        _succeeds(self._command("rmi", "--prune"), environment=self._environment)

    @property
    def _environment(self) -> dict[str, str]:
        # The user's storage.conf may share images with other storages. Whatever is big is to be on the cache's disk.
        own = {"CONTAINERS_STORAGE_CONF": str(self._storage / "storage.conf"), "TMPDIR": str(self._storage / "tmp")}
        return os.environ | own

    def _command(self, *arguments: str) -> list[str]:
        root, state = self._storage / self._driver, self._storage / "state"
        options = [f"--root={root}", f"--runroot={state}", f"--storage-driver={self._driver}"]
        return private(["buildah", *options, *arguments])

    def _prepare(self) -> None:
        for name in ("state", "tmp"):
            # No process of ours is left, so neither are mounts.
            shutil.rmtree(self._storage / name, ignore_errors=True)
        (self._storage / "tmp").mkdir()
        (self._storage / "storage.conf").write_text(f'[storage]\ndriver = "{self._driver}"\n')

    def _usable(self) -> bool:
        """Whether the storage can be used, if need be emptied; what killed builds left in it is removed."""
        if _succeeds(self._command("rm", "--all"), environment=self._environment):
            return True
        shutil.rmtree(self._storage / self._driver, ignore_errors=True)
        return _succeeds(self._command("info"), environment=self._environment)


def _succeeds(command: Sequence[str], environment: dict[str, str] | None = None) -> bool:
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, env=environment)
    return done.returncode == 0


def _lines(command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
    )
    return done.stdout.split()
