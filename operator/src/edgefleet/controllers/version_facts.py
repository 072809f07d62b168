"""ModelVersion objects to the planner's facts. Mapping only: what is verified was decided elsewhere."""

import base64
import hashlib

from edgefleet.api.v1alpha1.conditions import ConditionType
from edgefleet.api.v1alpha1.modelversion import Artifact as ApiArtifact
from edgefleet.api.v1alpha1.modelversion import ModelVersion
from edgefleet.contracts.codec import encode
from edgefleet.contracts.envelope import Envelope, Signature
from edgefleet.controllers.conditions import find_condition
from edgefleet.domain.rollout.facts import Artifact, VersionFacts
from edgefleet.domain.rollout.targets import digest_version


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
        quarantined=status.quarantine is not None,
    )


def read_artifact(artifact: ApiArtifact) -> Artifact:
    """Returns a signed artifact.

    Raises:
        ValueError: it is not signed.
    """
    envelope = read_envelope(artifact)
    return Artifact(
        digest=artifact.sha256,
        manifest_digest=hashlib.sha256(base64.b64decode(envelope.payload)).hexdigest(),
        manifest_bytes=len(encode(envelope)),
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
