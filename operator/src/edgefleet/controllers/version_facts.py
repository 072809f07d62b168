"""ModelVersion objects to the planner's facts. Mapping only: what is verified was decided elsewhere."""

import base64
import hashlib
from functools import lru_cache
from typing import Final

from edgefleet.api.v1alpha1.conditions import ConditionType
from edgefleet.api.v1alpha1.modelversion import Artifact as ApiArtifact
from edgefleet.api.v1alpha1.modelversion import ModelVersion, ModelVersionStatus
from edgefleet.api.v1alpha1.modelversion import Quarantine as ApiQuarantine
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.envelope import Envelope, Signature
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reasons import ContractError
from edgefleet.controllers.conditions import find_condition
from edgefleet.controllers.times import parse_time
from edgefleet.domain.device.compatibility import Needs
from edgefleet.domain.rollout.facts import Artifact, Quarantine, VersionFacts
from edgefleet.domain.rollout.targets import digest_version

UNQUARANTINE: Final = "unquarantine"
"""The token that lifts a quarantine."""
_ENVELOPES_REMEMBERED: Final = 512
"""About 20 kB each."""


def read_version(version: ModelVersion) -> VersionFacts:
    """Returns a version; verified only when the verdict speaks of the spec as it is now."""
    spec, status = version.spec, version.status
    fresh = status.observed_generation == (version.metadata.generation or 0)
    ready = find_condition(status.conditions, ConditionType.READY)
    verified = fresh and status.verified is True and version.metadata.deletion_timestamp is None
    return VersionFacts(
        model=spec.model,
        version=spec.version,
        digest=digest_version((artifact.device_class, artifact.sha256) for artifact in spec.artifacts),
        artifacts={artifact.device_class: read_artifact(artifact) for artifact in spec.artifacts if artifact.envelope},
        verified=verified,
        problem="" if verified or ready is None or not fresh else ready.message,
        quarantine=read_quarantine(status.quarantine),
        lifted_at=read_lifted(status),
    )


def read_quarantine(quarantine: ApiQuarantine | None) -> Quarantine | None:
    """Returns a quarantine as the planner reads it."""
    if quarantine is None:
        return None
    return Quarantine(
        ring=quarantine.ring,
        round=quarantine.round,
        at=parse_time(quarantine.since),
        failed=quarantine.failed,
        judged=quarantine.judged,
        reasons=quarantine.reasons,
        message=quarantine.message,
    )


def read_lifted(status: ModelVersionStatus) -> float:
    """Returns when the version was last taken out of quarantine; 0.0 for never."""
    return next((parse_time(token.at) for token in status.handled_tokens if token.name == UNQUARANTINE), 0.0)


def read_artifact(artifact: ApiArtifact) -> Artifact:
    """Returns a signed artifact; the same one for the same artifact, as long as it is remembered.

    Raises:
        ValueError: it is not signed.
    """
    shown = artifact.envelope
    if shown is None:
        raise ValueError(f"the artifact for {artifact.device_class} is not signed")
    signatures = tuple((each.keyid, each.sig) for each in shown.signatures)
    return _read_signed(artifact.sha256, artifact.size_bytes, shown.payload_type, shown.payload, signatures)


@lru_cache(maxsize=_ENVELOPES_REMEMBERED)
def _read_signed(
    digest: str, size: int, payload_type: str, text: str, signatures: tuple[tuple[str, str], ...]
) -> Artifact:
    """Decodes a manifest once, however many passes read the version."""
    envelope = Envelope(
        payload_type=payload_type,
        payload=text,
        signatures=tuple(Signature(keyid=keyid, sig=sig) for keyid, sig in signatures),
    )
    payload = base64.b64decode(text)
    return Artifact(
        digest=digest,
        manifest_digest=hashlib.sha256(payload).hexdigest(),
        manifest_bytes=len(encode(envelope)),
        needs=_read_needs(payload, size),
    )


def _read_needs(payload: bytes, size: int) -> Needs:
    """Returns what a device must have, as it was signed; of a manifest that nobody can read, the size is known."""
    try:
        manifest = decode(Manifest, payload)
    except ContractError:
        return Needs(size_bytes=size)
    return Needs(
        size_bytes=manifest.size_bytes,
        arena_bytes=manifest.arena_bytes,
        security_version=manifest.security_version,
        ops=frozenset(manifest.ops),
        min_firmware=manifest.min_firmware,
    )


def read_envelope(artifact: ApiArtifact) -> Envelope:
    """Returns the envelope as it travels.

    Raises:
        ValueError: the artifact is not signed.
    """
    shown = artifact.envelope
    if shown is None:
        raise ValueError(f"the artifact for {artifact.device_class} is not signed")
    return Envelope(
        payload_type=shown.payload_type,
        payload=shown.payload,
        signatures=tuple(Signature(keyid=each.keyid, sig=each.sig) for each in shown.signatures),
    )
