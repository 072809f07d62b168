"""Where a component's program comes from. Here: compiled from the pinned Go module."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgefleet_devcluster.binaries.components import go_version
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.processes import kill_group, tethered
from edgefleet_devcluster.progress import Heartbeat

if TYPE_CHECKING:
    from edgefleet_devcluster.binaries.components import Component, ComponentSet
    from edgefleet_devcluster.progress import Say

_POLL_SECONDS = 0.2
_TAIL_LINES = 15
_GIB = 1024**3
# Linking the API server writes some 300 MB to the temporary directory; compiling it cold fills 2 GiB of GOCACHE.
_FREE_BYTES_NEEDED = _GIB
# -v names each package as it is compiled; the lines make the progress count and are no part of an error.
_PACKAGE_LINE = re.compile(r"[\w./~+-]+")

_INSTALL_GO = (
    "install Go {needed} or newer and put it on PATH (Debian and Ubuntu: `apt-get install golang`, which may be too "
    "old, Debian 12 has 1.19; then take the package from backports or the archive of the Go project)"
)


class SourceUnavailableError(DevclusterError):
    """A source cannot give a component now; another one may."""

    def __init__(self, message: str, *, told: bool = False) -> None:
        """Take why.

        Args:
            message: Why, with the way out where there is one.
            told: Whether it was said in this run before.
        """
        super().__init__(message)
        self.told = told


class Progress:
    """What a source tells while it gets one component."""

    def __init__(self, say: Say, label: str, every: float) -> None:
        """Start counting now.

        Args:
            say: Where the lines go.
            label: What each line starts with.
            every: Seconds between two lines about the state.
        """
        self._say = say
        self._label = label
        self._heartbeat = Heartbeat(say, every)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._heartbeat.elapsed

    def tell(self, what: str) -> None:
        """Say it at once."""
        self._say(f"{self._label}: {what}")

    def beat(self, state: str) -> None:
        """Say the state if it is time; call it several times a second."""
        self._heartbeat.beat(lambda: f"{self._label}: {self.elapsed:.0f} s, {state}")


class Source(Protocol):
    """A way to get components; its key tells apart programs that could differ."""

    def offers(self, component: Component, /) -> bool:
        """Whether it may have the component at all; asks nobody."""
        ...

    def key(self, components: ComponentSet, /) -> str:
        """Return what identifies the programs of this set, as a file name part that no other source uses."""
        ...

    def produce(self, component: Component, destination: Path, log: Path, progress: Progress, /) -> None:
        """Write the program to ``destination``, telling how it goes.

        Raises:
            SourceUnavailableError: Another source may be tried.
        """
        ...


@dataclass(frozen=True)
class Toolchain:
    """The installed Go and what of its settings ends up in binaries or matters for space."""

    go: str
    env: dict[str, str]

    @property
    def version(self) -> tuple[int, ...]:
        """The version's numbers; empty for a development build, which is taken as new enough."""
        return go_version(self.env["GOVERSION"])

    @classmethod
    def find(cls, needed: tuple[int, ...]) -> Toolchain:
        """Return the Go on PATH.

        Raises:
            DevclusterError: There is none, it does not run, or it is older than ``needed``.
        """
        install = _INSTALL_GO.format(needed=".".join(map(str, needed)))
        go = shutil.which("go")
        if go is None:
            raise DevclusterError(f"no `go` on PATH: {install}")
        asked = ["GOVERSION", "GOOS", "GOARCH", "GOCACHE", "GOMODCACHE", "GOTMPDIR"]
        # From /: in the module's own folder a too old Go would refuse to answer.
        done = subprocess.run(
            [go, "env", "-json", *asked], capture_output=True, text=True, check=False, cwd="/", env=go_environment()
        )
        if done.returncode != 0:
            raise DevclusterError(f"`{go} env` failed: {done.stderr.strip()}; {install}")
        found = cls(go, json.loads(done.stdout))
        found.check_version(needed)
        return found

    def check_version(self, needed: tuple[int, ...]) -> None:
        """Raise when it is too old.

        Raises:
            DevclusterError: It is older than ``needed``.
        """
        if self.version and self.version < needed:
            install = _INSTALL_GO.format(needed=".".join(map(str, needed)))
            raise DevclusterError(f"{self.go} is {self.env['GOVERSION']}: {install}")

    def check_space(self, destination: Path) -> None:
        """Raise when a file system that the build writes to is nearly full.

        Raises:
            DevclusterError: The message names the directory and how to use another.
        """
        temporary = self.env.get("GOTMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - Go's own default
        places = {
            "EDGEFLEET_CACHE": destination,
            "GOCACHE": Path(self.env["GOCACHE"]),
            "GOMODCACHE": Path(self.env["GOMODCACHE"]),
            "TMPDIR": Path(temporary),
        }
        for variable, place in places.items():
            free = free_bytes(place)
            if free < _FREE_BYTES_NEEDED:
                raise DevclusterError(
                    f"{place} has {free / _GIB:.1f} GiB free, the build needs {_FREE_BYTES_NEEDED / _GIB:.0f} GiB "
                    f"there: free some space or set {variable} to a directory on a larger disk"
                )


def free_bytes(place: Path) -> int:
    """Return the free space where ``place`` is or will be created."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def go_environment() -> dict[str, str]:
    """Return the environment that Go runs in: the user's, less what would change the programs."""
    # A go.work in a parent folder would replace the pins; a toolchain download would be a second, hidden, Go. The
    # user's GOFLAGS must not reach the binaries; an empty value would not hide what `go env -w` has written.
    return os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-trimpath"}


class GoSource:
    """Compiles components from the Go modules that go.mod pins and go.sum checks."""

    def __init__(self) -> None:
        """Look for Go when it is first needed."""
        self._toolchain: Toolchain | None = None

    def offers(self, _component: Component, /) -> bool:
        """Whether it can be compiled: all can."""
        return True

    def toolchain(self, components: ComponentSet) -> Toolchain:
        """Return the Go in use, at least as new as the set needs; looked up once."""
        needed = components.go_mod.go
        if self._toolchain is None:
            self._toolchain = Toolchain.find(needed)
        self._toolchain.check_version(needed)
        return self._toolchain

    def flags(self, components: ComponentSet) -> list[str]:
        """Return the flags of ``go build`` for this set."""
        return ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", components.link_flags]

    def key(self, components: ComponentSet, /) -> str:
        """Hash go.mod, go.sum, our own Go files, the flags, the platform and the Go version."""
        env = self.toolchain(components).env
        digest = hashlib.sha256()
        names = ["go.mod", "go.sum", *sorted(path.name for path in components.directory.glob("*.go"))]
        parts = [(components.directory / name).read_bytes() for name in names]
        parts += [flag.encode() for flag in self.flags(components)]
        parts += [env[name].encode() for name in ("GOVERSION", "GOOS", "GOARCH")]
        for part in parts:
            # With its length, so that moving bytes from one part to the next changes the key.
            digest.update(f"{len(part)}:".encode() + part)
        return digest.hexdigest()[:16]

    def produce(self, component: Component, destination: Path, log: Path, progress: Progress, /) -> None:
        """Compile and link, with the compiler's words in ``log``.

        Raises:
            DevclusterError: It did not compile; the message has the last lines and the log's path.
        """
        toolchain = self.toolchain(component.set)
        progress.tell("building (minutes the first time, seconds with a warm Go cache)")
        toolchain.check_space(destination.parent)
        command = [toolchain.go, "build", "-v", *self.flags(component.set), "-o", str(destination)]
        command.append(component.package)
        with log.open("wb") as out:
            process = subprocess.Popen(
                tethered(command),
                cwd=component.set.directory,
                env=go_environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with process:
            try:
                while process.poll() is None:
                    progress.beat(_state(log))
                    time.sleep(_POLL_SECONDS)
            except BaseException:
                # Ctrl-C included: the compilers under `go` are in its group and must not run on.
                kill_group(process.pid)
                raise
        if process.returncode != 0:
            raise DevclusterError(_failure(component, log, process.returncode))


def _state(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    if lines and lines[-1].startswith("go: downloading"):
        return f"{sum(line.startswith('go: downloading') for line in lines)} modules downloaded"
    return f"{sum(bool(_PACKAGE_LINE.fullmatch(line)) for line in lines)} packages compiled"


def _failure(component: Component, log: Path, returncode: int) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if not _PACKAGE_LINE.fullmatch(line)]
    tail = "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])
    hint = ""
    if any("no space left on device" in line for line in lines):
        hint = " (the disk is full: free some space, or set GOCACHE, TMPDIR and EDGEFLEET_CACHE to a larger one)"
    elif any(word in line for line in lines for word in ("dial tcp", "i/o timeout", "404 Not Found", "no such host")):
        hint = " (the Go module proxy did not answer: check the network and `go env GOPROXY`)"
    elif returncode < 0 or any("signal: killed" in line for line in lines):
        hint = " (killed, often for lack of memory: 4 GiB must be free)"
    return f"{component.name} {component.set.version} did not compile{hint}; the last lines of {log}:\n{tail}"
