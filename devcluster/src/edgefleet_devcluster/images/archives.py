"""Image archives, as `docker save` and `buildah push` write them: which images are in one."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from pathlib import Path

_DOCKER, _OCI = "manifest.json", "index.json"
# Annotations of an OCI index: the whole reference, and what may be one or a mere tag.
_WHOLE, _NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"
_WANTED_BYTES = 1024 * 1024


def references(archive: Path) -> dict[str, str]:
    """Return the references in an archive, as containerd spells them, with the digests of their manifests.

    The digest is empty where the archive's format has none.

    Raises:
        DevclusterError: It is no image archive, or one that names no image.
    """
    documents = _documents(archive)
    found: dict[str, str] = {}
    if _OCI in documents:
        for entry in documents[_OCI].get("manifests", []):
            annotations = entry.get("annotations") or {}
            name = annotations.get(_WHOLE) or annotations.get(_NAME, "")
            # A mere tag would become an image of the import's date.
            if ":" in name or "@" in name:
                found[_spelled(name)] = entry["digest"]
    else:
        for entry in documents[_DOCKER]:
            found |= {_spelled(name): "" for name in entry.get("RepoTags") or []}
    if not found:
        raise DevclusterError(
            f"{archive} names no image: write it with `docker save NAME:TAG -o FILE` or "
            "`buildah push NAME:TAG oci-archive:FILE:NAME:TAG`"
        )
    return found


def transport(archive: Path) -> str:
    """Return what buildah calls the archive's format."""
    return "docker-archive" if _DOCKER in _documents(archive) else "oci-archive"


def _documents(archive: Path) -> dict[str, Any]:
    """Return the tables of contents of the formats that the archive follows; `docker save` may follow both."""
    found: dict[str, Any] = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in (_DOCKER, _OCI) and member.size <= _WANTED_BYTES and (content := tar.extractfile(member)):
                    found[name] = json.load(content)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise DevclusterError(f"cannot read the image archive {archive}: {error}") from error
    if not found:
        raise DevclusterError(f"{archive} is no image archive: it has neither {_OCI} nor {_DOCKER}")
    return found


def _spelled(name: str) -> str:
    """Return the reference with the parts that docker leaves out."""
    domain, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in domain and ":" not in domain and domain != "localhost":
        name = f"docker.io/{name}"
    return name
