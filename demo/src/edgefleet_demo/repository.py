"""The fleet's Git repository: what the demo commits and pushes, and what stands in it already.

The demo works in a clone of its own, which it puts back to what the server holds before each change: an interrupted run
leaves nothing to clean up, and what the user edits in the other clone is never touched. Commits of the demo carry a
trailer, so that a second run finds what the first one did.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from edgefleet.manifests.yaml_writer import write_document
from edgefleet_demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

BRANCH: Final = "main"
_UPSTREAM: Final = f"origin/{BRANCH}"
_TRAILER: Final = "Demo-Step"
_AUTHOR: Final = ("EdgeFleet demo", "demo@edgefleet.invalid")
_SECONDS: Final = 60.0
_TRIES: Final = 3
_DEVICES: Final = "devices/plant-1.yaml"


@dataclass(frozen=True)
class Push:
    """A push that the server took."""

    commit: str
    began: float
    """Monotonic seconds."""
    ended: float


@dataclass(frozen=True)
class FleetRepository:
    """A repository on the cluster's Git server.

    Args:
        clone: The demo's own clone; all that is in it can be made again.
        remote: The URL to push to.
        credentials: Environment in which git may push there.
    """

    clone: Path
    remote: str
    credentials: Mapping[str, str] = field(repr=False)

    def update(self) -> None:
        """Put the clone back to what the server holds.

        Raises:
            DemoError: The server does not answer.
        """
        if not (self.clone / ".git").exists():
            shutil.rmtree(self.clone, ignore_errors=True)
            self.clone.mkdir(parents=True)
            self._git("init", "--quiet", f"--initial-branch={BRANCH}")
            for key, value in zip(("user.name", "user.email"), _AUTHOR, strict=True):
                self._git("config", key, value)
        (self.clone / ".git" / "index.lock").unlink(missing_ok=True)
        # Not `remote add`: it fails where an interrupted call got so far.
        self._git("config", "remote.origin.url", self.remote)
        self._git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self._git("fetch", "--quiet", "--prune", "origin")
        if self._has(_UPSTREAM):
            self._git("checkout", "--quiet", "--force", "-B", BRANCH, _UPSTREAM)
        else:
            self._try("update-ref", "-d", f"refs/heads/{BRANCH}")
            self._git("read-tree", "--empty")
        self._git("clean", "--quiet", "--force", "-d", "-x")

    def marks(self) -> set[str]:
        """Return the marks of all commits that the server holds.

        Raises:
            DemoError: The server does not answer.
        """
        self.update()
        return self._marks()

    def devices(self) -> list[str]:
        """Return the ids of the devices that the demo declared, as far as they are still declared."""
        self.update()
        file = self.clone / _DEVICES
        if not file.exists():
            return []
        return [document["metadata"]["name"] for document in yaml.safe_load_all(file.read_text()) if document]

    def declare(self, template: Path, count: int, mark: str) -> Push | None:
        """Push a fleet of so many devices, beside whatever the server holds; return the push, or None if it has it.

        Args:
            template: The folder that a fleet begins with.
            count: How many devices it declares. A fleet that is there gets more or loses the last ones.
            mark: The trailer's value of a fleet's first commit.
        """

        def begin(folder: Path) -> None:
            shutil.copytree(template, folder, dirs_exist_ok=True)
            _declare_devices(folder / _DEVICES, count)

        def resize(folder: Path) -> None:
            _declare_devices(folder / _DEVICES, count)

        declared, message = len(self.devices()), f"Declare a fleet of {count} motors"
        if declared == count:
            return None
        return self.change(resize, message) if declared else self.change(begin, message, mark)

    def add_version(self, name: str, text: str, message: str, mark: str) -> Push | None:
        """Push a ModelVersion, unless that was done; return the push, or None.

        Args:
            name: Its name, which its file has too.
            text: The YAML.
            message: The commit's subject.
            mark: The trailer's value.
        """

        def edit(folder: Path) -> None:
            (folder / "models" / f"{name}.yaml").write_text(text)
            listing = folder / "models" / "kustomization.yaml"
            content: dict[str, Any] = yaml.safe_load(listing.read_text())
            content["resources"] = sorted({*(content.get("resources") or ()), f"{name}.yaml"})
            listing.write_text(write_document(content))

        return self.change(edit, message, mark)

    def revert(self, reverted: str, mark: str) -> Push | None:
        """Push the reverse of the commit with a mark, as `git revert` makes it, unless that was done.

        Raises:
            DemoError: There is no such commit, or later ones changed the same lines.
        """
        self.update()
        commit, _, subject = self._find(reverted, "%H %s").partition(" ")

        def edit(_: Path) -> None:
            done = self._try("revert", "--no-commit", commit)
            if done.returncode != 0:
                raise DemoError(f"cannot revert {commit[:7]} ({subject}): {done.stderr.strip()}")

        return self.change(edit, f'Revert "{subject}"', mark)

    def change(self, edit: Callable[[Path], None], message: str, mark: str = "") -> Push | None:
        """Edit, commit and push, unless a commit with that mark was pushed; return the push, or None.

        Without a mark it is always done.

        Raises:
            DemoError: The server refused, with its words.
        """
        for attempt in range(1, _TRIES + 1):
            self.update()
            if mark and mark in self._marks():
                return None
            edit(self.clone)
            self._git("add", "--all")
            trailer = [f"--trailer={_TRAILER}: {mark}"] if mark else []
            self._git("commit", "--quiet", "--no-verify", f"--message={message}", *trailer)
            commit, began = self._git("rev-parse", "HEAD").strip(), time.monotonic()
            done = self._try("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
            if done.returncode == 0:
                return Push(commit, began, time.monotonic())
            # Somebody else's push came in between: once more on top of theirs.
            if "[rejected]" not in done.stderr or attempt == _TRIES:
                raise DemoError(f"git push to {self.remote}: {done.stderr.strip()}")
        raise AssertionError

    def read(self, name: str, mark: str) -> str:
        """Return a file as it stood in the commit with a mark."""
        return self._git("show", f"{self._find(mark, '%H')}:{name}")

    def refresh(self, copy: Path) -> str:
        """Have a working copy for the user that is up to date; return why it could not be, or nothing."""
        if not (copy / ".git").exists():
            self._git("clone", "--quiet", self.remote, str(copy), within=None)
            for key, value in zip(("user.name", "user.email"), _AUTHOR, strict=True):
                self._git("config", key, value, within=copy)
            return ""
        # A cluster that was started anew may have another address.
        self._git("remote", "set-url", "origin", self.remote, within=copy)
        done = self._try("pull", "--quiet", "--ff-only", "origin", BRANCH, within=copy)
        return "" if done.returncode == 0 else f"{copy} has changes of your own and was left as it is"

    def _find(self, mark: str, form: str) -> str:
        found = self._git("log", "-1", f"--format={form}", f"--grep=^{_TRAILER}: {mark}$").strip()
        if not found:
            raise DemoError(f"{self.remote} has no commit of step {mark!r}")
        return found

    def _marks(self) -> set[str]:
        if not self._has(_UPSTREAM):
            return set()
        return set(self._git("log", f"--format=%(trailers:key={_TRAILER},valueonly)", _UPSTREAM).split())

    def _has(self, revision: str) -> bool:
        return self._try("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}").returncode == 0

    def _git(self, *arguments: str, within: Path | str | None = "") -> str:
        done = self._try(*arguments, within=within)
        if done.returncode != 0:
            raise DemoError(f"git {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _try(self, *arguments: str, within: Path | str | None = "") -> subprocess.CompletedProcess[str]:
        # The user's own settings (signed commits, hooks, a proxy) are for the user's own repositories.
        environment = os.environ | dict(self.credentials) | {"GIT_CONFIG_GLOBAL": os.devnull}
        place = [] if within is None else ["-C", str(within or self.clone)]
        command = ["git", *place, "-c", f"http.{self.remote}.proxy=", *arguments]
        try:
            return subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"git {arguments[0]}: {self.remote} has not answered within {_SECONDS:.0f} s") from error


def _declare_devices(file: Path, count: int) -> None:
    """Change the file so that it declares so many devices, the first ones as they are."""
    documents = list(yaml.safe_load_all(file.read_text()))
    if count == len(documents):
        return
    last = documents[-1]
    more = [f"motor-{number:02}" for number in range(len(documents) + 1, count + 1)]
    documents += [last | {"metadata": last["metadata"] | {"name": name}} for name in more]
    file.write_text("---\n".join(write_document(document) for document in documents[:count]))
