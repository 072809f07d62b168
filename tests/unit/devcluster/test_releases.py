"""Downloading official binaries from a real HTTP server, and what is left when it goes wrong in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries import build, downloads, releases
from edgefleet_devcluster.binaries.build import ensure_components, find, location
from edgefleet_devcluster.binaries.components import COMPONENTS
from edgefleet_devcluster.binaries.releases import Pins, ReleaseSource
from edgefleet_devcluster.binaries.sources import GoSource
from edgefleet_devcluster.binaries.web import Patience
from edgefleet_devcluster.errors import DevclusterError
from support.releasesite import Fault, Whole, archive, digest

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_devcluster.binaries.components import Component
    from support.releasesite import Site

PLATFORM = "linux/amd64"
PROGRAM = b"#!/bin/sh\necho downloaded\n" + b"# padding\n" * 100_000
FILE = """
[[file]]
platform = "linux/amd64"
url = "https://releases.test/v1.2.3/{name}"
digest = "{digest}"
"""
HALF_WAY = """
import sys
from pathlib import Path
from edgefleet_devcluster.binaries.build import ensure_components
from edgefleet_devcluster.binaries.components import Component, ComponentSet
from edgefleet_devcluster.binaries.releases import ReleaseSource

component = Component("hello", ComponentSet("pins", "example.test/hello", "", Path(sys.argv[1])), "")
source = ReleaseSource(mirror=sys.argv[3], wanted="linux/amd64")
ensure_components([component], sources=[source], cache=Path(sys.argv[2]), say=lambda line: print(line, flush=True))
"""


def pin(hello: Component, *files: str) -> None:
    (hello.set.directory / "releases.toml").write_text("\n".join(['version = "v1.2.3"', *files]))


def pin_program(hello: Component, site: Site, *, wrong: bytes = b"") -> None:
    """Have the site offer the program hello, and pin it."""
    site.files["/v1.2.3/hello"] = PROGRAM
    pin(hello, FILE.format(name="hello", digest=digest(wrong or PROGRAM)) + 'component = "hello"\n')


def from_site(site: Site, *, connect: float = 5.0, stall: float = 30.0) -> ReleaseSource:
    return ReleaseSource(mirror=site.url, patience=Patience(connect, stall), wanted=PLATFORM)


def got(hello: Component, site: Site, cache: Path, said: list[str] | None = None) -> str:
    """Get hello from the site, else from a source that has all; return whose it is."""
    heard = [] if said is None else said
    sources = [from_site(site, stall=0.3), Whole()]
    path = ensure_components([hello], sources=sources, cache=cache, say=heard.append)["hello"]
    assert not [entry for entry in path.parent.parent.rglob("*") if entry.suffix in (".partial", ".download")]
    return "built" if path.read_text() == "whole" else subprocess.check_output([path], text=True).strip()


def test_a_program_is_downloaded_once_and_can_run(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    said: list[str] = []
    assert [got(hello, site, tmp_path, said) for _ in range(2)] == ["downloaded"] * 2
    assert site.requests == [("/v1.2.3/hello", "")]
    assert [line.partition(" in ")[0] for line in said] == [
        f"[1/1] hello v1.2.3: downloading {site.url}/v1.2.3/hello, 1 MB",
        "[1/1] hello v1.2.3: done",
    ]
    assert [entry.name[:20] for entry in tmp_path.glob("pins-*")] == ["pins-v1.2.3-release-"]


def test_an_archive_is_downloaded_once_for_all_its_programs(hello: Component, site: Site, tmp_path: Path) -> None:
    programs = {"bin/hello": PROGRAM, "other": b"not ours", "bin/world": b"#!/bin/sh\necho world\n"}
    site.files["/v1.2.3/all.tar.gz"] = archive(programs)
    members = '[file.members]\nhello = "bin/hello"\nworld = "bin/world"\n'
    pin(hello, FILE.format(name="all.tar.gz", digest=digest(site.files["/v1.2.3/all.tar.gz"], "sha512")) + members)
    world = replace(hello, name="world")
    paths = ensure_components([hello, world], sources=[from_site(site)], cache=tmp_path, say=print)
    assert [subprocess.check_output([path], text=True) for path in paths.values()] == ["downloaded\n", "world\n"]
    assert len(site.requests) == 1
    assert sorted(entry.name for entry in paths["hello"].parent.iterdir()) == ["hello", "world"]


def test_a_program_alone_is_preferred_to_the_archive_that_has_it_too(
    hello: Component, site: Site, tmp_path: Path
) -> None:
    site.files["/v1.2.3/hello"] = PROGRAM
    big = FILE.format(name="all.tar.gz", digest=digest(b"")) + '[file.members]\nhello = "bin/hello"\n'
    pin(hello, big, FILE.format(name="hello", digest=digest(PROGRAM)) + 'component = "hello"\n')
    assert got(hello, site, tmp_path) == "downloaded"
    assert [path for path, _ in site.requests] == ["/v1.2.3/hello"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive({"hello": PROGRAM}), "all.tar.gz holds no file bin/hello"),
        (archive({"bin/hello": PROGRAM})[:500], "all.tar.gz cannot be unpacked: "),
        (b"no archive", "all.tar.gz cannot be unpacked: "),
    ],
)
def test_an_archive_that_is_not_as_pinned(
    hello: Component, site: Site, tmp_path: Path, content: bytes, reason: str
) -> None:
    site.files["/v1.2.3/all.tar.gz"] = content
    pin(hello, FILE.format(name="all.tar.gz", digest=digest(content)) + '[file.members]\nhello = "bin/hello"\n')
    said: list[str] = []
    assert got(hello, site, tmp_path, said) == "built"
    assert f"[1/1] hello v1.2.3: {reason}" in said[1]
    assert said[1].endswith("; building instead")


def test_a_wrong_digest_is_named_and_never_used(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site, wrong=b"another")
    said: list[str] = []
    assert got(hello, site, tmp_path, said) == "built"
    expected, found = digest(b"another").removeprefix("sha256:"), digest(PROGRAM).removeprefix("sha256:")
    assert said[1] == (
        f"[1/1] hello v1.2.3: the sha256 digest of {site.url}/v1.2.3/hello is {found}, but {expected} is pinned: "
        "the file was deleted; building instead"
    )
    assert len(site.requests) == 1


@pytest.mark.parametrize("hang", [False, True], ids=["cut", "silent"])
def test_a_download_goes_on_where_it_broke_off(hello: Component, site: Site, tmp_path: Path, *, hang: bool) -> None:
    pin_program(hello, site)
    site.faults = [Fault(after=1000, hang=hang), Fault(after=2000)]
    assert got(hello, site, tmp_path) == "downloaded"
    assert [wanted for _, wanted in site.requests] == ["", "bytes=1000-", "bytes=3000-"]


def test_a_site_without_ranges_is_asked_for_everything_again(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    site.ranges = False
    site.faults = [Fault(after=1000)]
    assert got(hello, site, tmp_path) == "downloaded"
    assert len(site.requests) == 2


def test_a_site_that_does_not_tell_the_length(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    site.lengths = False
    assert got(hello, site, tmp_path) == "downloaded"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(after=0), "broke off after 0 bytes: the server closed the connection at 0 of "),
        (Fault(after=0, hang=True), "broke off after 0 bytes: timed out; building instead"),
        (Fault(status=403), "127.0.0.1 answers 403 Forbidden; building instead"),
        (Fault(status=503), "127.0.0.1 answers 503 Service Unavailable; building instead"),
    ],
)
def test_a_site_of_no_use_is_not_asked_again(
    hello: Component, site: Site, tmp_path: Path, fault: Fault, reason: str
) -> None:
    pin_program(hello, site)
    site.faults = [fault]
    sources = [from_site(site, stall=0.3), Whole()]
    said: list[str] = []
    for cache in ("first", "second"):
        path = ensure_components([hello], sources=sources, cache=tmp_path / cache, say=said.append)["hello"]
        assert path.read_text() == "whole"
    complaints = [line for line in said if "building instead" in line]
    assert len(complaints) == 1
    assert "official binaries cannot be downloaded: " in complaints[0]
    assert reason in complaints[0]
    assert len(site.requests) == 1


def test_a_file_that_is_not_there_says_nothing_of_the_others(hello: Component, site: Site, tmp_path: Path) -> None:
    world = replace(hello, name="world")
    site.files["/v1.2.3/world"] = PROGRAM
    pin(
        hello,
        FILE.format(name="hello", digest=digest(PROGRAM)) + 'component = "hello"\n',
        FILE.format(name="world", digest=digest(PROGRAM)) + 'component = "world"\n',
    )
    said: list[str] = []
    paths = ensure_components([hello, world], sources=[from_site(site), Whole()], cache=tmp_path, say=said.append)
    assert said[0] == f"[1/2] hello v1.2.3: {site.url}/v1.2.3/hello answers 404 Not Found; building instead"
    assert paths["hello"].read_text() == "whole"
    assert paths["world"].read_bytes() == PROGRAM


def test_a_site_out_of_reach_is_told_once(hello: Component, site: Site, tmp_path: Path) -> None:
    world = replace(hello, name="world")
    # Another host than the first, which is as unreachable.
    elsewhere = FILE.format(name="world", digest=digest(PROGRAM)).replace("releases.test", "[::1]:1")
    pin(
        hello,
        FILE.format(name="hello", digest=digest(PROGRAM)).replace("releases.test", "127.0.0.1:1")
        + 'component = "hello"\n',
        elsewhere + 'component = "world"\n',
    )
    said: list[str] = []
    sources = [ReleaseSource(wanted=PLATFORM), Whole()]
    ensure_components([hello, world], sources=sources, cache=tmp_path, say=said.append)
    refused = "official binaries cannot be downloaded: 127.0.0.1 cannot be reached (Connection refused)"
    assert [line.partition(" in ")[0] for line in said] == [
        f"[1/2] hello v1.2.3: {refused}; building instead",
        "[1/2] hello v1.2.3: done",
        "[2/2] world v1.2.3: done",
    ]
    assert site.requests == []
    assert [folder.name for folder in tmp_path.glob("pins-*")] == ["pins-v1.2.3-key"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, DevclusterError], ids=["interrupted", "error"])
def test_a_later_run_goes_on_with_an_interrupted_download(
    hello: Component, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    monkeypatch.setattr(build, "_SAY_EVERY_SECONDS", 0.0)
    pin_program(hello, site)
    site.faults = [Fault(after=900_000, hang=True)]

    def interrupt(line: str) -> None:
        if "of 1 MB" in line and "(0 %)" not in line:
            raise stop

    source = from_site(site)
    with pytest.raises(stop):
        ensure_components([hello], sources=[source], cache=tmp_path, say=interrupt)
    path = location(hello, source=source, cache=tmp_path)
    assert [entry.suffix for entry in path.parent.iterdir()] == [".download"]
    left = next(path.parent.iterdir()).stat().st_size
    assert got(hello, site, tmp_path) == "downloaded"
    assert site.requests[1][1] == f"bytes={left}-"


@pytest.mark.parametrize(
    ("left", "requests"),
    [
        (PROGRAM, []),
        (b"damaged", ["bytes=7-", ""]),
        (b"damaged" + PROGRAM, ["bytes=1000033-", ""]),
    ],
    ids=["complete", "damaged", "too long"],
)
def test_what_an_earlier_run_left(
    hello: Component, site: Site, tmp_path: Path, left: bytes, requests: list[str]
) -> None:
    pin_program(hello, site)
    path = location(hello, source=from_site(site), cache=tmp_path)
    path.parent.mkdir()
    path.with_name(f"{digest(PROGRAM)[7:23]}.download").write_bytes(left)
    assert got(hello, site, tmp_path) == "downloaded"
    assert [wanted for _, wanted in site.requests] == requests


def test_redirects_are_followed(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    site.files = {"/elsewhere?signature=a%2Fb": PROGRAM}
    site.faults = [
        Fault(status=302, location=f"{site.url}/moved"),
        Fault(status=307, location="elsewhere?signature=a%2Fb"),
    ]
    assert got(hello, site, tmp_path) == "downloaded"
    assert [path for path, _ in site.requests] == ["/v1.2.3/hello", "/moved", "/elsewhere?signature=a%2Fb"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("hello", "redirects without end"),
        ("ftp://releases.test/hello", "ftp://releases.test/hello is no http or https address"),
        ("http://[::1/hello", "redirects to 'http://[::1/hello', which is no http or https address"),
        ("/h\u00e9llo", "broke off after 0 bytes: "),
    ],
)
def test_redirects_to_nowhere(hello: Component, site: Site, tmp_path: Path, location: str, reason: str) -> None:
    pin_program(hello, site)
    site.faults = [Fault(status=301, location=location)] * 10
    said: list[str] = []
    assert got(hello, site, tmp_path, said) == "built"
    assert reason in said[0]


def test_the_disk_is_looked_at_before_the_download(
    hello: Component, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin_program(hello, site)
    monkeypatch.setattr(releases, "free_bytes", lambda _: 2_000_000)
    with pytest.raises(DevclusterError, match=r"has 2 MB free, the download needs 3 MB: .* set EDGEFLEET_CACHE"):
        got(hello, site, tmp_path)


def test_what_is_built_is_used_without_asking_the_site(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    built = ensure_components([hello], sources=[Whole()], cache=tmp_path, say=print)
    both = [from_site(site), Whole()]
    assert ensure_components([hello], sources=both, cache=tmp_path, say=print) == built
    assert find(hello, sources=both, cache=tmp_path) == built["hello"]
    assert site.requests == []


def test_what_is_downloaded_needs_no_go(
    hello: Component, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin_program(hello, site)
    monkeypatch.setenv("PATH", "")
    sources = [from_site(site), GoSource()]
    path = ensure_components([hello], sources=sources, cache=tmp_path, say=print)["hello"]
    assert ensure_components([hello], sources=sources, cache=tmp_path, say=print) == {"hello": path}
    assert find(hello, sources=[GoSource(), from_site(site)], cache=tmp_path) == path
    assert find(hello, sources=[GoSource()], cache=tmp_path) is None


def test_a_killed_download_publishes_nothing_and_the_next_goes_on(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    # More than a buffer, so that some of it is on the disk.
    site.faults = [Fault(after=900_000, hang=True)]
    with in_process(hello, site, tmp_path) as process:
        assert process.stdout is not None
        assert "downloading" in process.stdout.readline()
        file = next(tmp_path.glob("pins-*/*.download"))
        deadline = time.monotonic() + 10
        while not file.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert [entry.suffix for entry in tmp_path.glob("pins-*/*")] == [".download"]
    assert got(hello, site, tmp_path) == "downloaded"
    assert site.requests[1][1].startswith("bytes=")


def test_two_processes_download_once(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    site.faults = [Fault(after=1000, hang=True)]
    with in_process(hello, site, tmp_path) as first:
        assert first.stdout is not None
        assert "downloading" in first.stdout.readline()
        with in_process(hello, site, tmp_path) as second:
            assert second.stdout is not None
            assert second.stdout.readline().startswith(f"build: waiting for process {first.pid}")
            site.released.set()
            second.communicate(timeout=30)
        first.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert [wanted for _, wanted in site.requests] == ["", "bytes=1000-"]


def in_process(hello: Component, site: Site, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HALF_WAY, str(hello.set.directory), str(cache), site.url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_environment_chooses_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {}
    for mode in ("", "auto", "never", "only"):
        monkeypatch.setenv("EDGEFLEET_RELEASES", mode)
        kinds[mode] = [type(source) for source in build.select_sources()]
    assert kinds == {
        "": [ReleaseSource, GoSource],
        "auto": [ReleaseSource, GoSource],
        "never": [GoSource],
        "only": [ReleaseSource],
    }
    monkeypatch.setenv("EDGEFLEET_RELEASES", "yes")
    with pytest.raises(DevclusterError, match="EDGEFLEET_RELEASES is 'yes': set it to auto, never or only"):
        build.select_sources()


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_environment_gives_a_mirror(
    hello: Component, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slash: str
) -> None:
    monkeypatch.setattr(releases, "platform", lambda: PLATFORM)
    monkeypatch.setenv("EDGEFLEET_RELEASES_MIRROR", f"{site.url}/mirror{slash}")
    pin_program(hello, site)
    site.files = {"/mirror/v1.2.3/hello": PROGRAM}
    source = releases.shared_source()
    assert source is releases.shared_source()
    assert ensure_components([hello], sources=[source], cache=tmp_path, say=print)["hello"].read_bytes() == PROGRAM


@pytest.mark.parametrize("mirror", ["releases.test", "http://[::1", "ftp://user:secret@releases.test"])
def test_a_mirror_that_is_no_address(hello: Component, site: Site, tmp_path: Path, mirror: str) -> None:
    pin_program(hello, site)
    said: list[str] = []
    sources = [ReleaseSource(mirror=mirror, wanted=PLATFORM), Whole()]
    ensure_components([hello], sources=sources, cache=tmp_path, say=said.append)
    assert said[0].endswith("/v1.2.3/hello is no http or https address; building instead")
    assert "secret" not in said[0]


def test_a_file_without_end(hello: Component, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_LARGEST_BYTES", 1000)
    pin_program(hello, site)
    said: list[str] = []
    assert got(hello, site, tmp_path, said) == "built"
    assert said[1].endswith("/v1.2.3/hello does not end after 1000 bytes; building instead")


def test_only_releases_and_the_site_has_none(hello: Component, site: Site, tmp_path: Path) -> None:
    pin_program(hello, site)
    site.files = {}
    with pytest.raises(DevclusterError, match=r"^hello v1.2.3: http.*404 Not Found; with EDGEFLEET_RELEASES=auto it w"):
        ensure_components([hello], sources=[from_site(site)], cache=tmp_path, say=print)


@pytest.mark.parametrize("pinned", [False, True], ids=["no pins", "another platform"])
def test_only_releases_and_none_is_pinned(hello: Component, tmp_path: Path, *, pinned: bool) -> None:
    if pinned:
        pin(hello, FILE.format(name="hello", digest=digest(PROGRAM)) + 'component = "hello"\n')
    with pytest.raises(DevclusterError, match=r"^hello v1.2.3 has no official binary for .*EDGEFLEET_RELEASES=only f"):
        ensure_components([hello], sources=[ReleaseSource(wanted="linux/riscv64")], cache=tmp_path, say=print)


def test_a_long_download_says_so_in_between(
    hello: Component, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_SAY_EVERY_SECONDS", 0.0)
    pin_program(hello, site)
    said: list[str] = []
    assert got(hello, site, tmp_path, said) == "downloaded"
    assert "[1/1] hello v1.2.3: 0 s, 1 of 1 MB (100 %)" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('version = "v1.2.4"\nfile = []\n', r"releases.toml pins v1.2.4, go.mod v1.2.3: pin the same version in both$"),
        ("file = []\n", "releases.toml is malformed: 'version'"),
        ('version = "v1.2.3"\nfile = [{platform = "linux/amd64"}]\n', "releases.toml is malformed: 'url'"),
        ("version\n", "releases.toml is malformed: "),
        (
            'version = "v1.2.3"\n' + FILE.format(name="hello", digest="md5:0"),
            "malformed: 'md5:0' is no digest: write sha256",
        ),
    ],
)
def test_pins_that_cannot_be_right(hello: Component, tmp_path: Path, text: str, message: str) -> None:
    (hello.set.directory / "releases.toml").write_text(text)
    with pytest.raises(DevclusterError, match=message):
        ensure_components([hello], sources=[ReleaseSource(wanted=PLATFORM), Whole()], cache=tmp_path, say=print)


def test_the_key_follows_the_pins_and_the_platform(hello: Component) -> None:
    keys = set()
    for platform in ("linux/amd64", "linux/arm64"):
        for content in (b"1", b"2"):
            pin(hello, FILE.format(name="hello", digest=digest(content)).replace(PLATFORM, platform))
            keys |= {ReleaseSource(wanted=platform).key(hello.set), ReleaseSource(wanted=platform).key(hello.set)}
    assert len(keys) == 4


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
@pytest.mark.parametrize(
    "components", {item.set for item in COMPONENTS.values()}, ids=lambda components: components.name
)
def test_what_is_pinned_is_of_the_version_of_go_mod(components: releases.ComponentSet, platform: str) -> None:
    names = {item.name for item in COMPONENTS.values() if item.set == components}
    for release in Pins.read(components, platform).releases:
        assert release.url.startswith("https://")
        assert f"/{components.version}/" in release.url or f"-{components.version}-" in release.url
        assert platform.removeprefix("linux/") in release.url
        assert ({release.component} if release.component else set(release.members)) <= names
        assert bool(release.component) != bool(release.members)


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "kubelet", "kubectl", "helm"])
def test_the_large_ones_are_pinned(name: str, platform: str) -> None:
    assert ReleaseSource(wanted=platform).offers(COMPONENTS[name])


def test_this_machines_platform_is_named_as_go_does() -> None:
    asked = subprocess.check_output(["go", "env", "GOHOSTOS", "GOHOSTARCH"], text=True, env=os.environ)
    assert releases.platform() == "/".join(asked.split())
