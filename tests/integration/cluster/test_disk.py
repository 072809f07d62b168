"""A new node's disk has the images and shares them with the template; what is written to is its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import images
from edgefleet_devcluster.node import disk

if TYPE_CHECKING:
    from collections.abc import Iterator


def quiet(_: str, /) -> None:
    """Take a line of progress."""


@pytest.fixture
def other_file_system() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_images_are_shared_and_databases_are_not(tmp_path: Path) -> None:
    wanted = list(images.ensure(["pause"]).values())
    one, two = tmp_path / "one" / "containerd", tmp_path / "two" / "containerd"
    (tmp_path / "one" / "containerd.partial").mkdir(parents=True)
    (tmp_path / "one" / "containerd.partial" / "rubbish").touch()  # of an interrupted start
    for target in (one, two):
        disk.provide(target, wanted, tmp_path / "cache", quiet)
    assert not list(tmp_path.rglob("rubbish"))
    programs = [path for path in one.rglob("pause") if path.is_file()]
    assert [path.stat().st_nlink for path in programs] == [3], "the template and two nodes"
    databases = [*one.rglob("*.db"), *two.rglob("*.db")]
    assert len(databases) >= 4
    assert {path.stat().st_nlink for path in databases} == {1}


def test_a_disk_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "containerd").mkdir()
    disk.provide(tmp_path / "containerd", [], tmp_path / "cache", quiet)
    assert list((tmp_path / "containerd").iterdir()) == []


def test_a_template_on_another_file_system_is_not_used(tmp_path: Path, other_file_system: Path) -> None:
    wanted = list(images.ensure(["pause"]).values())
    disk.provide(tmp_path / "containerd", wanted, other_file_system / "cache", quiet)
    assert not (tmp_path / "containerd").exists()


def test_few_templates_are_kept(tmp_path: Path) -> None:
    wanted = list(images.ensure(["pause"]).values())
    cache = tmp_path / "cache"
    for number in range(6):
        (cache / f"old-{number}").mkdir(parents=True)
    disk.provide(tmp_path / "containerd", wanted, cache, quiet)
    left = [path.name for path in cache.iterdir() if path.is_dir()]
    assert len(left) == 4
    assert any(not name.startswith("old-") for name in left)
