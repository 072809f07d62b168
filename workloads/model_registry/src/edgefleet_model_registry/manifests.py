"""Which signed manifests are let in. Nothing but the wire contract is parsed here. Blocking: callers bring a thread."""

import hashlib
from http import HTTPStatus
from typing import Final

from edgefleet.contracts.codec import decode
from edgefleet.contracts.document import Kind as DocumentKind
from edgefleet.contracts.envelope import Envelope, open_envelope
from edgefleet.contracts.keys import TrustedKeys
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reasons import ContractError
from edgefleet.contracts.reasons import Reason as ContractReason
from edgefleet_model_registry.mounts import Mounted
from edgefleet_model_registry.refusals import Reason, RefusedError
from edgefleet_model_registry.store import Incoming, Kind, Store

_ENVELOPE_READ_MAX: Final = Envelope.max_bytes + 1


class ManifestDesk:
    """Checks envelopes and keeps the good ones, byte for byte."""

    def __init__(self, store: Store, keys: Mounted[TrustedKeys]) -> None:
        """Work on a store with the keys that are trusted at the time of each request."""
        self._store = store
        self._keys = keys

    def admit(self, raw: bytes, digest: str) -> bool:
        """Check an envelope and store it under its payload's digest.

        Args:
            raw: the envelope as it came.
            digest: SHA-256 of the payload, as the client says.

        Returns:
            False if the same bytes were there before.

        Raises:
            RefusedError: the contract refuses it, another digest, a blob that is missing or of another size, or other
                bytes are stored under this digest.
            StoreError: the disk fails.
        """
        try:
            payload = open_envelope(decode(Envelope, raw), DocumentKind.MANIFEST, self._keys.get())
            _check_digest(payload, digest)
            manifest = decode(Manifest, payload)
        except ContractError as error:
            raise RefusedError.of_contract(error) from error
        self._check_blob(manifest)
        with self._store.begin() as incoming:
            incoming.write(raw)
            return self._keep(incoming, raw, digest)

    def _check_blob(self, manifest: Manifest) -> None:
        size = self._store.size(Kind.BLOB, manifest.sha256)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if size is None:
            message = f"manifest: sha256: no blob {manifest.sha256} is stored; upload it first"
            raise RefusedError(status, Reason.BLOB_MISSING, message)
        if size != manifest.size_bytes:
            message = f"manifest: sizeBytes: the blob has {size} bytes, not {manifest.size_bytes}"
            raise RefusedError(status, Reason.SIZE_MISMATCH, message)

    def _keep(self, incoming: Incoming, raw: bytes, digest: str) -> bool:
        if incoming.publish(Kind.MANIFEST, digest, replace=False):
            return True
        stored = self._read(digest)
        if stored == raw:
            return False
        if _is_envelope_of(stored, digest):
            message = f"another envelope is stored for manifest {digest}; what is stored never changes"
            raise RefusedError(HTTPStatus.CONFLICT, Reason.CONFLICT, message)
        # Damaged on the disk: the signed bytes repair it.
        return incoming.publish(Kind.MANIFEST, digest, replace=True)

    def _read(self, digest: str) -> bytes:
        found = self._store.open(Kind.MANIFEST, digest)
        if found is None:
            return b""
        with found[0] as file:
            return file.read(_ENVELOPE_READ_MAX) or b""


def _check_digest(payload: bytes, digest: str) -> None:
    if hashlib.sha256(payload).hexdigest() != digest:
        rule = "its SHA-256 is the digest in the path"
        raise ContractError(ContractReason.DIGEST_MISMATCH, "payload", DocumentKind.ENVELOPE.value, rule)


def _is_envelope_of(raw: bytes, digest: str) -> bool:
    """Tell whether the bytes are an envelope with that payload, whoever signed it."""
    try:
        _check_digest(decode(Envelope, raw).payload_bytes(), digest)
    except ContractError:
        return False
    return True
