"""A report that passed becomes a manifest, and the manifest an envelope under the release key."""

import hashlib
from dataclasses import dataclass

from edgefleet.contracts.codec import encode
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import Envelope, seal
from edgefleet.contracts.keys import SigningKey
from edgefleet.contracts.manifest import FeatureSchema, Manifest, Preflight
from edgefleet.contracts.reasons import ContractError
from edgefleet.publication.attestation import Attested
from edgefleet.publication.release import NotPublishableError, Release


@dataclass(frozen=True, slots=True)
class SealedArtifact:
    """A file and what was signed about it.

    Attributes:
        content: the file.
        manifest: the payload, decoded.
        digest: SHA-256 of the payload: the manifest's address.
        envelope: as signed.
    """

    content: bytes
    manifest: Manifest
    digest: str
    envelope: Envelope

    @property
    def envelope_bytes(self) -> bytes:
        """The envelope as it is uploaded; the same bytes for the same manifest and key."""
        return encode(self.envelope)


def seal_artifact(release: Release, attested: Attested, key: SigningKey) -> SealedArtifact:
    """Returns the file with its signed manifest.

    Args:
        release: names and feature schema.
        attested: the file, passed by the preflight.
        key: the release key.

    Raises:
        NotPublishableError: the manifest breaks the wire contract.
    """
    report = attested.report
    if report.format is None or report.arena_bytes is None or not report.evidence:
        raise NotPublishableError(f"{report.device_class}: the report lacks figures")
    manifest = Manifest(
        model=release.model,
        version=release.version,
        security_version=release.security_version,
        device_class=report.device_class,
        format=report.format,
        sha256=report.sha256,
        size_bytes=report.size_bytes,
        arena_bytes=report.arena_bytes,
        ops=report.ops,
        feature_schema=FeatureSchema(name=release.feature_schema.name, digest=release.feature_schema.digest),
        inputs=report.inputs,
        outputs=report.outputs,
        vectors=report.vectors,
        tolerance_lsb=report.tolerance_lsb,
        min_firmware=report.min_firmware,
        preflight=Preflight(tool=report.tool, version=report.version, evidence=report.evidence),
    )
    try:
        payload = encode(manifest)
    except ContractError as problem:
        raise NotPublishableError(f"{report.device_class}: {problem}") from None
    return SealedArtifact(
        attested.content, manifest, hashlib.sha256(payload).hexdigest(), seal(Kind.MANIFEST, payload, [key])
    )
