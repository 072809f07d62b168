"""Official binaries from the projects' release sites, with digests that are pinned in releases.toml."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
import tomllib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgefleet_devcluster.binaries.downloads import Digest, Downloader
from edgefleet_devcluster.binaries.sources import SourceUnavailableError, free_bytes
from edgefleet_devcluster.binaries.web import DownloadError, Patience, SiteError, shown
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.publication import publish

if TYPE_CHECKING:
    from typing import IO

    from edgefleet_devcluster.binaries.components import Component, ComponentSet
    from edgefleet_devcluster.binaries.sources import Progress

PINS = "releases.toml"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MB = 1_000_000
_CHUNK_BYTES = 1024 * 1024
_ROOM = 3
"""Free space that a download wants, in sizes of itself: the programs in it are compressed."""


def platform() -> str:
    """Return this machine's platform as Go names it, such as ``linux/amd64``."""
    machine = os.uname().machine
    return f"{sys.platform}/{_ARCHITECTURES.get(machine, machine)}"


@dataclass(frozen=True)
class Release:
    """One file of a release: a program, or an archive with several."""

    url: str
    digest: Digest
    members: dict[str, str]
    """In an archive, each component's path in it; a bare program has none."""
    component: str = ""
    """The component that a bare program is."""

    @property
    def name(self) -> str:
        """The file's name on the site."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True)
class Pins:
    """The files that a set's releases.toml pins for one platform."""

    releases: tuple[Release, ...]

    @classmethod
    def read(cls, components: ComponentSet, wanted: str) -> Pins:
        """Return the pins of a set for the platform ``wanted``; without a releases.toml there are none.

        Raises:
            DevclusterError: The file is malformed, or pins another version than go.mod.
        """
        path = components.directory / PINS
        if not path.exists():
            return cls(())
        try:
            table = tomllib.loads(path.read_text())
            version = table["version"]
            releases = tuple(
                Release(file["url"], Digest.parse(file["digest"]), file.get("members", {}), file.get("component", ""))
                for file in table["file"]
                if file["platform"] == wanted
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DevclusterError(f"{path} is malformed: {error}") from error
        if version != components.version:
            raise DevclusterError(f"{path} pins {version}, go.mod {components.version}: pin the same version in both")
        return cls(releases)

    def release(self, component: str) -> Release | None:
        """Return the file to get a component from: one that is just that before an archive."""
        bare = (release for release in self.releases if release.component == component)
        return next(bare, next((release for release in self.releases if component in release.members), None))


class ReleaseSource:
    """Downloads official binaries whose digests are pinned."""

    def __init__(self, *, mirror: str = "", patience: Patience | None = None, wanted: str | None = None) -> None:
        """Take where to download from.

        Args:
            mirror: A base URL in place of the scheme and host of every pinned URL; empty for the sites themselves.
            patience: How long to wait for the network.
            wanted: The platform; by default this machine's.
        """
        self._mirror = mirror.rstrip("/")
        self._downloader = Downloader(patience or Patience())
        self._platform = wanted or platform()
        self._closed: dict[str, str] = {}

    def offers(self, component: Component, /) -> bool:
        """Whether a binary is pinned for this platform."""
        return self._pins(component.set).release(component.name) is not None

    def key(self, components: ComponentSet, /) -> str:
        """Hash what is pinned for this platform, mirror or not."""
        pinned = [
            [release.digest.value, release.component, sorted(release.members.items())]
            for release in self._pins(components).releases
        ]
        return f"release-{hashlib.sha256(json.dumps([self._platform, pinned]).encode()).hexdigest()[:16]}"

    def produce(self, component: Component, destination: Path, _log: Path, progress: Progress, /) -> None:
        """Download the program; from an archive, publish the set's other programs too, so that it comes once.

        Raises:
            SourceUnavailableError: It could not be downloaded or is not what is pinned.
            DevclusterError: The disk is too full.
        """
        release = self._pins(component.set).release(component.name)
        if release is None:
            raise SourceUnavailableError(f"no official binary is pinned for {self._platform}")
        file = destination.with_name(f"{release.digest.value[:16]}.download")
        self._download(release, file, progress)
        if release.members:
            try:
                _unpack(release, file, component.name, destination, progress)
            except SourceUnavailableError:
                file.unlink()
                raise
            file.unlink()
        else:
            file.rename(destination)

    def _pins(self, components: ComponentSet) -> Pins:
        return Pins.read(components, self._platform)

    def _download(self, release: Release, file: Path, progress: Progress) -> None:
        parts = urlsplit(release.url)
        site = self._mirror or f"{parts.scheme}://{parts.netloc}"
        url = site + parts._replace(scheme="", netloc="").geturl()
        if site in self._closed:
            raise SourceUnavailableError(self._closed[site], told=True)
        told = False

        def watch(received: int, total: int | None) -> None:
            nonlocal told
            if not told:
                told = True
                _check_space(file.parent, (total or 0) - received)
                size = f", {total / _MB:.0f} MB" if total else ""
                progress.tell(f"downloading {shown(url)}{size}")
            progress.beat(_state(received, total))

        try:
            self._downloader.fetch(url, file, release.digest, watch)
        except SiteError as error:
            first = not self._closed
            self._closed[site] = f"official binaries cannot be downloaded: {error}"
            raise SourceUnavailableError(self._closed[site], told=not (first or told)) from error
        except DownloadError as error:
            raise SourceUnavailableError(str(error)) from error


def shared_source() -> ReleaseSource:
    """Return this process's source, so that it asks a site that cannot be reached only once.

    EDGEFLEET_RELEASES_MIRROR in the environment gives its mirror.
    """
    return _shared_source(os.environ.get("EDGEFLEET_RELEASES_MIRROR", ""))


@cache
def _shared_source(mirror: str) -> ReleaseSource:
    return ReleaseSource(mirror=mirror)


def _state(received: int, total: int | None) -> str:
    if not total:
        return f"{received / _MB:.0f} MB"
    return f"{received / _MB:.0f} of {total / _MB:.0f} MB ({100 * received // total} %)"


def _check_space(place: Path, size: int) -> None:
    free = free_bytes(place)
    if free < _ROOM * size:
        raise DevclusterError(
            f"{place} has {free / _MB:.0f} MB free, the download needs {_ROOM * size / _MB:.0f} MB: "
            "free some space or set EDGEFLEET_CACHE to a directory on a larger disk"
        )


def _unpack(release: Release, archive: Path, component: str, destination: Path, progress: Progress) -> None:
    """Write the component's program to ``destination`` and publish the archive's others beside it, in one pass."""
    components = {member: name for name, member in release.members.items()}
    try:
        with tarfile.open(archive, "r|*") as tar:
            for entry in tar:
                name = components.pop(entry.name.removeprefix("./"), "")
                stream = tar.extractfile(entry) if name else None
                if stream is None:
                    continue
                progress.beat(f"unpacking {name}")
                if name == component:
                    _write(stream, destination)
                elif not (path := destination.with_name(name)).exists():
                    partial = destination.with_name(f"{name}.{os.getpid()}.partial")
                    _write(stream, partial)
                    partial.chmod(0o755)
                    publish(partial, path)
                if not components:
                    break
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise SourceUnavailableError(f"{release.name} cannot be unpacked: {error}") from error
    if not destination.exists():
        raise SourceUnavailableError(f"{release.name} holds no file {release.members[component]}")


def _write(stream: IO[bytes], path: Path) -> None:
    with stream, path.open("wb") as out:
        shutil.copyfileobj(stream, out, _CHUNK_BYTES)
