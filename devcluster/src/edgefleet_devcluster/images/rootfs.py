"""The Debian root file system under the base image, made from packages by mmdebstrap."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images.jobs import private

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from edgefleet_devcluster.images.jobs import Job

SUITE = "bookworm"
ARCHIVE = "rootfs.tar"
"""What the Dockerfile knows it as."""
_SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")
# Of the machine while the root file system is made, of the image while a Dockerfile runs: the same file.
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Without it, apt takes the package that merges /usr on running systems, with all of Perl.
_MERGED = "usr-is-merged"
_MERGED_HOOK = "/usr/share/mmdebstrap/hooks/merged-usr"
# Any date makes two runs equal; it also has Python's compiled files checked by content and not by date, so they stay
# valid when a build changes dates.
_EPOCH = "1700000000"
# How packages are fetched. Not what names files of this machine, which the image does not have.
_SETTING = re.compile(
    r"Acquire::(Check-(Date|Valid-Until)|Retries|Force-?IPv[46]"
    r'|https?::(?!.*(Auto-?Detect|CaInfo|CaPath|Cert|Key|Crl))\S+) ".*";'
)
_TARGET = "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"


@dataclass(frozen=True)
class Apt:
    """Where this machine gets Debian packages from, and how."""

    sources: str
    """For sources.list; empty where this machine has no sources of the suite, so Debian's own are to be used."""
    settings: str
    """For apt.conf: proxies and the like."""

    @classmethod
    def of_this_machine(cls) -> Apt:
        """Ask apt; a machine without it has nothing to tell."""
        if shutil.which("apt-config") is None:
            return cls("", "")
        return cls.parse(_answer("apt-config", "dump"), _answer("apt-get", "indextargets", "--format", _TARGET))

    @classmethod
    def parse(cls, settings: Iterable[str], targets: Iterable[str]) -> Apt:
        """Choose what is of use elsewhere.

        Args:
            settings: What ``apt-config dump`` prints.
            targets: For each index that apt knows, what kind it is, whose, of which suite and component, and where;
                with ``|`` in between.
        """
        sources: dict[str, None] = {}
        for target in targets:
            kind, origin, suite, component, address = target.split("|", 4)
            # The origin is unknown before the first `apt-get update`.
            debian = kind == "Packages" and origin in ("Debian", "") and component == "main"
            if debian and suite in _SUITES and address.startswith(("http://", "https://")):
                sources[f"deb [signed-by={_KEYRING}] {address} {suite} main\n"] = None
        return cls("".join(sources), "".join(f"{line}\n" for line in settings if _SETTING.fullmatch(line)))

    def write(self, folder: Path) -> tuple[Path | None, Path]:
        """Write both files; return the paths of the sources, if there are any, and of the settings."""
        folder.mkdir(parents=True, exist_ok=True)
        settings, sources = folder / "apt.conf", folder / "sources.list"
        settings.write_text(self.settings)
        sources.write_text(self.sources)
        return sources if self.sources else None, settings


def make(packages: Sequence[str], context: Path, job: Job) -> None:
    """Write the root file system as a tar archive into a build's context.

    Args:
        packages: Debian packages besides the essential ones and apt.
        context: The folder, which has dpkg.cfg, apt.cfg and customize.sh.
        job: Whose part this is.

    Raises:
        DevclusterError: mmdebstrap is missing or failed, or this is not root.
    """
    trouble = "no `mmdebstrap` on PATH: `apt-get install mmdebstrap`" if shutil.which("mmdebstrap") is None else ""
    if not trouble and os.geteuid() != 0:
        trouble = "mmdebstrap makes the base as root only: run it as root"
    if trouble:
        raise DevclusterError(
            f"{trouble}, or set EDGEFLEET_BASE_IMAGE to an image with python3 and CA certificates in a registry that "
            "can be reached, such as python:3.11-slim-bookworm"
        )
    sources, settings = Apt.of_this_machine().write(job.folder / "apt")
    keep = 'mv "$1/etc/apt/sources.list" "$1/etc/apt/sources.list.default"'
    given = shlex.quote(str(sources)) if sources else '"$1/etc/apt/sources.list.default"'
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--hook-dir={_MERGED_HOOK}",
        f"--include={','.join([_MERGED, *packages])}",
        '--aptopt=APT::Install-Recommends "false"',
        # apt's own user cannot reach a cache in root's home, and whether it did shows in the result.
        '--aptopt=APT::Sandbox::User "root"',
        f"--aptopt={settings}",
        f"--dpkgopt={context / 'dpkg.cfg'}",
        f'--setup-hook={keep} && cp {given} "$1/etc/apt/sources.list"',
        f'--customize-hook=sh {shlex.quote(str(context / "customize.sh"))} "$1"',
        SUITE,
        str(context / ARCHIVE),
    ]
    temporary = job.folder / "mmdebstrap"
    temporary.mkdir()
    job.run(private(command), environment={"SOURCE_DATE_EPOCH": _EPOCH, "TMPDIR": str(temporary)})


def _answer(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.splitlines() if done.returncode == 0 else []
