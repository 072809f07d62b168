"""Which engine builds, and what docker is told; docker itself is played by a script, as no engine runs here."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import images
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import builder, engines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Remembers its images as files and what it was told as lines; `save` writes what `load` takes.
DOCKER = """#!/bin/sh
set -eu
here=$(dirname "$0")
echo "$*" >>"$here/told"
image() { echo "$here/images/$(echo "$1" | tr /: __)"; }
case "$1 $2" in
  "info --format") [ -z "${DOCKER_DEAD:-}" ] || { echo; echo no daemon >&2; exit 1; }; echo 28.2.2 ;;
  "image inspect") test -e "$(image "$3")" ;;
  "image ls") echo "$5:old"; echo "$5:$(cat "$here/latest")" ;;
  "image rm") ;;
  "load --input") grep -q made-by-docker "$3" && touch "$(image "$(sed 1d "$3")")" ;;
  build*)
    for word in "$@"; do
      case $word in
        --tag=*) mkdir -p "$here/images"; touch "$(image "${word#--tag=}")"; echo "${word##*:}" >"$here/latest" ;;
        --file=*) cp "${word#--file=}" "$here/Dockerfile" ;;
      esac
      last=$word
    done
    rm -rf "$here/context"; cp -r "$last" "$here/context" ;;
  save*) printf 'made-by-docker\\n%s' "$3" >"${2#--output=}" ;;
esac
"""
CATALOGUE = """\
[images.ground]
dockerfile = "ground/Dockerfile"
load-on = "all"

[images.app]
dockerfile = "app/Dockerfile"
binaries = ["tool"]
base = "ground"
load-on = "all"

[images.app.artifacts.made]
command = ["cp", "main.c", "{output}"]
inputs = ["*.c"]
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs in front of the system's, with a docker whose engine answers."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    for name in ("ground/Dockerfile", "app/Dockerfile", "app/main.c"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(name)
    path = tmp_path / "source" / "images.toml"
    path.write_text(CATALOGUE)
    return path


@pytest.fixture
def ensure(tmp_path: Path, catalogue: Path) -> Callable[..., dict[str, images.Image]]:
    tool = tmp_path / "bin" / "tool-v1-key" / "tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)

    def run(*names: str, say: Callable[[str], None] = lambda _: None) -> dict[str, images.Image]:
        return images.ensure(
            names, catalogue=catalogue, cache=tmp_path / "cache", binaries=lambda _names, **_: {"tool": tool}, say=say
        )

    return run


def test_an_engine_that_answers_is_used(programs: Path, tmp_path: Path) -> None:
    assert isinstance(engines.choose(tmp_path / "storage"), engines.Docker)
    assert (programs / "told").read_text() == "info --format {{.ServerVersion}}\n"


def test_a_client_without_an_engine_is_not(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_DEAD", "1")
    monkeypatch.setattr(engines.shutil, "which", lambda _: None)
    with pytest.raises(DevclusterError, match=r"^no docker engine answers and there is no `buildah`: `apt-get "):
        engines.choose(tmp_path / "storage")
    assert (programs / "told").exists()


def test_an_engine_that_hangs_is_not_waited_for(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "docker").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(engines, "_DOCKER_SECONDS", 0.2)
    monkeypatch.setattr(engines.shutil, "which", lambda _: "/usr/bin/buildah")
    monkeypatch.setattr(engines.os, "geteuid", lambda: 1000)
    with pytest.raises(DevclusterError, match=r"^no docker engine answers, and buildah is used as root only: run it"):
        engines.choose(tmp_path / "storage")


def test_docker_builds_what_the_catalogue_says(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    said: list[str] = []
    found = ensure("ground", "app", say=said.append)
    assert {name: image.archive.read_text() for name, image in found.items()} == {
        name: f"made-by-docker\n{image.reference}" for name, image in found.items()
    }
    told = (programs / "told").read_text()
    assert f"--build-arg=https_proxy --build-arg=BASE_IMAGE={found['ground'].reference} " in told
    assert "image rm localhost/edgefleet/app:old" in told
    assert "image rm " + found["app"].reference not in told
    assert (programs / "Dockerfile").read_text() == "app/Dockerfile"
    context = programs / "context"
    assert sorted(path.name for path in context.iterdir()) == ["Dockerfile", "made", "main.c", "tool"]
    assert os.access(context / "tool", os.X_OK)
    assert (context / "made").read_text() == "app/main.c"
    assert said[0] == "[1/2] image ground: building with docker"
    assert said[-1].startswith("[2/2] image app: done in ")


def test_what_is_in_the_cache_is_not_built_again(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], catalogue: Path
) -> None:
    first = ensure("app")
    (programs / "told").unlink()
    said: list[str] = []
    assert ensure("app", say=said.append) == first
    assert not (programs / "told").exists()
    assert said == []

    (catalogue.parent / "app" / "main.c").write_text("changed")
    second = ensure("app")
    assert second["app"].reference != first["app"].reference
    assert second["app"].archive.exists()


def test_docker_gets_a_base_back_that_it_has_lost(
    programs: Path, ensure: Callable[..., dict[str, images.Image]]
) -> None:
    ground = ensure("ground")["ground"]
    shutil.rmtree(programs / "images")
    ensure("app")
    assert f"load --input {ground.archive}\n" in (programs / "told").read_text()

    # An archive that buildah wrote before the engine was started.
    shutil.rmtree(programs / "images")
    ground.archive.write_text("made-by-buildah")
    (ground.archive.parent / ensure("app")["app"].archive.name).unlink()
    said: list[str] = []
    ensure("app", say=said.append)
    assert f"[1/1] image app: docker cannot take {ground.archive.name}, so it is built again" in said
    assert ground.archive.read_text() == f"made-by-docker\n{ground.reference}"


def test_the_last_three_archives_of_an_image_are_kept(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], catalogue: Path
) -> None:
    assert programs.exists()
    made: list[Path] = []
    for number in range(4):
        (catalogue.parent / "app" / "main.c").write_text(str(number))
        made.append(ensure("app")["app"].archive)
        os.utime(made[-1], (number, number))
    assert [path.exists() for path in made] == [False, True, True, True]
    assert ensure("ground")["ground"].archive.exists()


def test_a_failing_build_shows_its_last_lines_and_leaves_nothing(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], tmp_path: Path
) -> None:
    (programs / "docker").write_text(
        DOCKER.replace("  build*)", "  build*) echo first; echo no such package >&2; exit 3")
    )
    with pytest.raises(
        DevclusterError, match=r"^`docker build` failed with exit status 3; the last lines of .*"
    ) as caught:
        ensure("ground")
    assert str(caught.value).endswith("    first\n    no such package")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["build.lock", "ground.log"]


def test_an_artifact_that_its_command_did_not_write_is_told(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], catalogue: Path
) -> None:
    assert programs.exists()
    catalogue.write_text(CATALOGUE.replace('"cp", "main.c", "{output}"', '"true", "{output}"'))
    with pytest.raises(DevclusterError, match=r"^image app: `true \{output\}` wrote no made$"):
        ensure("app")


def test_a_full_disk_is_told_before_the_build(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert programs.exists()
    monkeypatch.setattr(builder, "_FREE_BYTES_NEEDED", 2**60)
    with pytest.raises(
        DevclusterError, match=r"GiB free, building images needs .* set EDGEFLEET_CACHE to a larger disk"
    ):
        ensure("ground")


def test_a_cache_that_cannot_be_written_is_told(
    programs: Path, ensure: Callable[..., dict[str, images.Image]], tmp_path: Path
) -> None:
    assert programs.exists()
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(DevclusterError, match=r"^cannot write the image cache .*/cache: .*; set EDGEFLEET_CACHE"):
        ensure("ground")


def test_a_base_from_a_registry_is_what_docker_builds_on(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFLEET_BASE_IMAGE", "python:3.11-slim-bookworm")
    base = images.ensure(["base"], cache=tmp_path / "cache", say=lambda _: None)["base"]
    assert base.archive.exists()
    assert "--build-arg=BASE_IMAGE=python:3.11-slim-bookworm " in (programs / "told").read_text()
    assert "FROM ${BASE_IMAGE}" in (programs / "Dockerfile").read_text()
