"""Building with the real Go, and what is left when it goes wrong in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries import build, sources
from edgefleet_devcluster.binaries.build import ensure_components, location
from edgefleet_devcluster.binaries.sources import GoSource, Progress
from edgefleet_devcluster.errors import DevclusterError
from support.releasesite import Whole

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_devcluster.binaries.components import Component

HALF_WAY = """
import sys, time
from pathlib import Path
from edgefleet_devcluster.binaries.build import ensure_components
from edgefleet_devcluster.binaries.components import Component, ComponentSet

class Slow:
    def offers(self, component): return True
    def key(self, components): return "key"
    def produce(self, component, destination, log, progress):
        with (destination.parent / "starts").open("a") as starts: starts.write("start\\n")
        destination.write_text("half")
        print("half", flush=True)
        time.sleep(float(sys.argv[3]))
        destination.write_text("whole")

components = ComponentSet("pins", "example.test/hello", "", Path(sys.argv[1]))
component = Component("hello", components, "example.test/hello")
ensure_components([component], sources=[Slow()], cache=Path(sys.argv[2]), say=print)
"""


def half_way(hello: Component, cache: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HALF_WAY, str(hello.set.directory), str(cache), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_builds_what_is_missing_once(hello: Component, tmp_path: Path) -> None:
    said: list[str] = []
    cache = tmp_path / "cache"
    path = ensure_components([hello], sources=[GoSource()], cache=cache, say=said.append)["hello"]
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    assert done.stderr == "hello v1.2.3"
    assert path.parent.name.startswith("pins-v1.2.3-")
    assert said[0].startswith("[1/1] hello v1.2.3: building")
    assert said[-1].startswith("[1/1] hello v1.2.3: done in ")

    before = path.stat()
    assert ensure_components([hello], sources=[GoSource()], cache=cache, say=said.append) == {"hello": path}
    assert path.stat() == before
    assert len(said) == 2


def test_a_compile_error_is_shown_and_nothing_is_published(hello: Component, tmp_path: Path) -> None:
    (hello.set.directory / "hello" / "main.go").write_text("package main\n\nfunc main() { undefinedThing() }\n")
    with pytest.raises(DevclusterError) as caught:
        ensure_components([hello], sources=[GoSource()], cache=tmp_path / "cache", say=lambda _: None)
    text = str(caught.value)
    path = location(hello, source=GoSource(), cache=tmp_path / "cache")
    assert text.startswith("hello v1.2.3 did not compile; the last lines of ")
    assert "undefined: undefinedThing" in text
    assert str(path.with_name("hello.log")) in text
    assert [entry.name for entry in path.parent.iterdir()] == ["hello.log"]


def test_a_killed_build_publishes_nothing_and_the_next_goes_on(hello: Component, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = location(hello, source=Whole(), cache=cache)
    with half_way(hello, cache, 600) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert not path.exists()
    assert len(list(path.parent.glob("*.partial"))) == 1

    ensure_components([hello], sources=[Whole()], cache=cache, say=lambda _: None)
    assert path.read_text() == "whole"
    assert os.access(path, os.X_OK)
    assert not list(path.parent.glob("*.partial"))


def test_two_processes_build_one_after_the_other_and_only_once(hello: Component, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with half_way(hello, cache, 1) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "half\n"
        with half_way(hello, cache, 1) as second:
            output = second.communicate(timeout=30)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    path = location(hello, source=Whole(), cache=cache)
    assert path.read_text() == "whole"
    assert (path.parent / "starts").read_text() == "start\n"
    assert output.startswith(f"build: waiting for process {first.pid}, which holds {cache}")


def test_an_interrupted_build_takes_the_compiler_with_it(hello: Component, tmp_path: Path) -> None:
    class Interrupt(Progress):
        def beat(self, state: str) -> None:
            raise KeyboardInterrupt(state)

    started = time.monotonic()
    (tmp_path / "cache").mkdir()
    with pytest.raises(KeyboardInterrupt):
        GoSource().produce(hello, tmp_path / "cache" / "hello", tmp_path / "log", Interrupt(print, "hello", 15.0))
    assert time.monotonic() - started < 10


def test_without_go_the_message_says_what_to_install(
    hello: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DevclusterError, match=r"^no `go` on PATH: install Go 1\.24\.0 or newer .*apt-get install"):
        ensure_components([hello], sources=[GoSource()], cache=tmp_path, say=lambda _: None)


def test_a_too_old_go_is_named_with_what_is_needed(hello: Component, tmp_path: Path) -> None:
    go_mod = hello.set.directory / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("go 1.24.0", "go 9.1.0"))
    with pytest.raises(DevclusterError, match=r"is go1\.\d+.*: install Go 9\.1\.0 or newer"):
        ensure_components([hello], sources=[GoSource()], cache=tmp_path, say=lambda _: None)


def test_a_full_disk_is_told_before_the_build(
    hello: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_FREE_BYTES_NEEDED", 2**60)
    with pytest.raises(DevclusterError, match=r"GiB free, the build needs .* set EDGEFLEET_CACHE to"):
        ensure_components([hello], sources=[GoSource()], cache=tmp_path / "cache", say=lambda _: None)


def test_a_cache_that_cannot_be_written_is_named(hello: Component, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DevclusterError, match=r"cannot write the build cache .*/file/cache.*EDGEFLEET_CACHE"):
        ensure_components([hello], sources=[Whole()], cache=tmp_path / "file" / "cache", say=lambda _: None)


def test_a_long_build_says_so_in_between(hello: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_SAY_EVERY_SECONDS", 0.0)
    said: list[str] = []
    ensure_components([hello], sources=[GoSource()], cache=tmp_path / "cache", say=said.append)
    assert any("packages compiled" in line for line in said)
