"""Puts files and manifests where devices fetch them. Must not know HTTP: the store is whatever the caller brings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edgefleet.publication.sealing import SealedArtifact


class ModelStore(Protocol):
    """A content-addressed store; putting what is there already changes nothing."""

    async def put_blob(self, content: Path | bytes) -> str:
        """Store a file and return its SHA-256."""
        ...

    async def put_manifest(self, envelope: bytes, digest: str) -> None:
        """Store an envelope under the SHA-256 of its payload."""
        ...


async def upload(artifacts: Sequence[SealedArtifact], store: ModelStore) -> None:
    """Uploads each file, then each manifest: a manifest never names a file that is not there."""
    for artifact in artifacts:
        await store.put_blob(artifact.content)
    for artifact in artifacts:
        await store.put_manifest(artifact.envelope_bytes, artifact.digest)
