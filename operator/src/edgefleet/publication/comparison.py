"""Whether a store holds what was proven: the same manifests, and the files that they name."""

from collections.abc import Sequence
from typing import Final, Protocol

from edgefleet.publication.verification import Fault, Proven
from edgefleet.runtime.ports import BlobState

_WORDS: Final = {
    BlobState.MISSING: "is not in the registry",
    BlobState.DIGEST_MISMATCH: "is another one in the registry",
}


class ReadableStore(Protocol):
    """A content-addressed store that can be asked."""

    async def check_blob(self, digest: str, size: int) -> BlobState:
        """Tell whether a file is there, byte for byte."""
        ...

    async def check_manifest(self, digest: str, envelope: bytes) -> BlobState:
        """Tell whether an envelope is there, byte for byte."""
        ...


async def compare_store(proven: Sequence[Proven], store: ReadableStore) -> list[Fault]:
    """Returns what the store lacks or holds otherwise."""
    faults: list[Fault] = []
    for each in proven:
        manifest = each.manifest
        found = {
            f"manifest {each.digest}": await store.check_manifest(each.digest, each.envelope),
            f"model {manifest.sha256}": await store.check_blob(manifest.sha256, manifest.size_bytes),
        }
        faults += [
            Fault(manifest.device_class, f"{what} {_WORDS[state]}")
            for what, state in found.items()
            if state is not BlobState.OK
        ]
    return faults
