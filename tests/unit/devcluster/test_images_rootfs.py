"""What of this machine's apt configuration is used where packages are fetched for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries.sources import Progress
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import rootfs
from edgefleet_devcluster.images.jobs import Job
from edgefleet_devcluster.images.rootfs import Apt

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "line",
    [
        'Acquire::http::Proxy "http://proxy.test:3142";',
        'Acquire::https::Proxy "DIRECT";',
        'Acquire::http::Proxy::mirror.test "DIRECT";',
        'Acquire::http::Pipeline-Depth "0";',
        'Acquire::Check-Date "false";',
        'Acquire::Check-Valid-Until "false";',
        'Acquire::Retries "3";',
        'Acquire::ForceIPv4 "true";',
    ],
)
def test_how_packages_are_fetched_is_taken_over(line: str) -> None:
    assert Apt.parse([line], []).settings == f"{line}\n"


@pytest.mark.parametrize(
    "line",
    [
        'Acquire::http::Proxy-Auto-Detect "/usr/bin/finder";',
        'Acquire::https::CaInfo "/usr/local/share/ca.crt";',
        'Acquire::https::mirror.test::SslKey "/etc/ssl/key";',
        'Acquire::Languages "de";',
        'APT::Architecture "amd64";',
        'DPkg::Post-Invoke:: "rm -f /var/cache/apt/*.bin";',
        "Acquire::http;",
    ],
)
def test_what_names_files_of_this_machine_or_is_about_it_is_not(line: str) -> None:
    assert Apt.parse([line], []).settings == ""


def test_sources_of_the_suite_are_taken_over_once_and_others_are_not() -> None:
    apt = Apt.parse(
        [],
        [
            "Packages|Debian|bookworm|main|http://mirror.test/debian/",
            "Packages|Debian|bookworm|main|http://mirror.test/debian/",
            "Packages||bookworm-security|main|https://mirror.test/security/",
            "Packages|Debian|bookworm|contrib|http://mirror.test/debian/",
            "Packages|Debian|trixie|main|http://mirror.test/debian/",
            "Packages|Docker|bookworm|main|http://docker.test/",
            "Packages|Debian|bookworm|main|file:/var/mirror/",
            "Translations|Debian|bookworm|main|http://mirror.test/debian/",
        ],
    )
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert apt.sources.splitlines() == [
        f"deb {key} http://mirror.test/debian/ bookworm main",
        f"deb {key} https://mirror.test/security/ bookworm-security main",
    ]


def test_a_machine_without_apt_has_nothing_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    apt = Apt.of_this_machine()
    assert apt == Apt("", "")
    assert apt.write(tmp_path / "apt") == (None, tmp_path / "apt" / "apt.conf")


def test_without_mmdebstrap_the_message_says_both_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    job = Job(tmp_path / "log", Progress(lambda _: None, "base", 60), tmp_path)
    with pytest.raises(DevclusterError, match=r"^no `mmdebstrap` on PATH: `apt-get install mmdebstrap`, or set EDGE"):
        rootfs.make(["python3"], tmp_path, job)


def test_without_root_the_message_says_both_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rootfs.shutil, "which", lambda _: "/usr/bin/mmdebstrap")
    monkeypatch.setattr(rootfs.os, "geteuid", lambda: 1000)
    job = Job(tmp_path / "log", Progress(lambda _: None, "base", 60), tmp_path)
    with pytest.raises(DevclusterError, match=r"^mmdebstrap makes the base as root only: run it as root, or set EDGE"):
        rootfs.make(["python3"], tmp_path, job)
