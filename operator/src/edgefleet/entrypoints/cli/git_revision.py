"""A folder as it is at a revision of its Git repository; nothing is checked out."""

import io
import subprocess
import tarfile
from pathlib import PurePosixPath
from typing import Final

from edgefleet.manifests.folder import FILE_BYTES_MAX, Reading, is_read, read_files

PREFIX: Final = "git:"


class GitError(Exception):
    """Git has no such folder or revision, or is not there; in its own words."""


def read_revision(folder: str, revision: str) -> Reading:
    """Return what a folder declares at a revision.

    Raises:
        GitError: there is nothing to read.
    """
    if not revision or revision.startswith("-"):
        raise GitError(f"{PREFIX}{revision}: name a revision, such as {PREFIX}origin/main")
    # An archive of the folder alone, in one go, whatever the number of files.
    with tarfile.open(fileobj=io.BytesIO(_run(folder, "archive", "--format=tar", revision))) as archive:
        members = [entry for entry in archive if entry.isfile() and is_read(PurePosixPath(entry.name))]
        contents = {entry.name: archive.extractfile(entry) for entry in members if entry.size <= FILE_BYTES_MAX}
        files = {name: content.read() for name, content in contents.items() if content is not None}
    return read_files(files | dict.fromkeys(entry.name for entry in members if entry.size > FILE_BYTES_MAX))


def _run(folder: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=False)  # noqa: S603, S607 - the user's own git, no shell
    except FileNotFoundError:
        raise GitError(f"{PREFIX}REV needs git on the PATH") from None
    if done.returncode:
        raise GitError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
