"""Which images are in an archive, as docker and buildah write them."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import archives

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "0" * 64


def write(folder: Path, **documents: object) -> Path:
    path = folder / "image.tar"
    with tarfile.open(path, "w") as tar:
        for name, document in documents.items():
            file = folder / f"{name}.json"
            file.write_text(json.dumps(document))
            tar.add(file, file.name)
    return path


def index(**annotations: str) -> dict[str, object]:
    names = {"name": "org.opencontainers.image.ref.name", "whole": "io.containerd.image.name"}
    return {"manifests": [{"digest": DIGEST, "annotations": {names[key]: text for key, text in annotations.items()}}]}


@pytest.mark.parametrize(
    ("documents", "references"),
    [
        ({"index": index(name="localhost/a/b:1")}, {"localhost/a/b:1": DIGEST}),
        ({"index": index(whole="docker.io/library/a:1", name="1")}, {"docker.io/library/a:1": DIGEST}),
        ({"manifest": [{"RepoTags": ["a:1", "b/a:2"]}]}, {"docker.io/library/a:1": "", "docker.io/b/a:2": ""}),
        ({"manifest": [{"RepoTags": ["host.test/a:1"]}]}, {"host.test/a:1": ""}),
        ({"manifest": [{"RepoTags": ["host:5000/a:1"]}, {"RepoTags": None}]}, {"host:5000/a:1": ""}),
        # Newer `docker save`: both formats in one archive; containerd reads the index.
        (
            {"manifest": [{"RepoTags": ["a:1"]}], "index": index(whole="docker.io/library/a:1", name="1")},
            {"docker.io/library/a:1": DIGEST},
        ),
    ],
)
def test_references_are_spelled_as_containerd_spells_them(
    tmp_path: Path, documents: dict[str, object], references: dict[str, str]
) -> None:
    assert archives.references(write(tmp_path, **documents)) == references


@pytest.mark.parametrize(
    "documents", [{"index": {"manifests": [{"digest": DIGEST}]}}, {"index": index(name="latest")}, {"manifest": [{}]}]
)
def test_an_archive_without_a_name_is_refused(tmp_path: Path, documents: dict[str, object]) -> None:
    with pytest.raises(DevclusterError, match=r"names no image: write it with `docker save NAME:TAG -o FILE` or `buil"):
        archives.references(write(tmp_path, **documents))


def test_what_is_no_image_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match=r"is no image archive: it has neither index\.json nor manifest\.json$"):
        archives.references(write(tmp_path, other={}))
    (tmp_path / "text").write_text("text")
    with pytest.raises(DevclusterError, match=r"^cannot read the image archive .*/text: "):
        archives.references(tmp_path / "text")
    with pytest.raises(DevclusterError, match=r"^cannot read the image archive .*/none: .*No such file"):
        archives.references(tmp_path / "none")


def test_buildah_is_told_the_format(tmp_path: Path) -> None:
    assert archives.transport(write(tmp_path, index=index(name="a:1"))) == "oci-archive"
    assert archives.transport(write(tmp_path, manifest=[{"RepoTags": ["a:1"]}])) == "docker-archive"
