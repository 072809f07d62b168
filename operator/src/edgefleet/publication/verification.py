"""Whether a ModelVersion says what a trusted release key signed. Offline; must not know where files are stored."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgefleet.api.v1alpha1 import ModelVersion
from edgefleet.api.v1alpha1 import modelversion as visible
from edgefleet.api.v1alpha1.agreement import find_differences
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import Envelope, open_envelope
from edgefleet.contracts.keys import TrustedKeys
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reasons import ContractError
from edgefleet.manifests.folder import read_files
from edgefleet.manifests.objects import declare
from edgefleet.publication.release import NotPublishableError


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold: the field, and what is wrong with it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Proven:
    """An artifact whose visible fields equal what was signed.

    Attributes:
        manifest: what was signed.
        digest: SHA-256 of the payload.
        envelope: as the registry keeps it.
    """

    manifest: Manifest
    digest: str
    envelope: bytes


def read_version(file: Path) -> ModelVersion:
    """Returns the ModelVersion in a file.

    Raises:
        NotPublishableError: unreadable, refused by the API, or not exactly one.
    """
    try:
        reading = read_files({file.name: file.read_bytes()})
    except OSError as problem:
        raise NotPublishableError(f"{file}: {problem.strerror}") from None
    declared = declare(reading.manifests)
    faults = [*reading.findings, *declared.findings]
    if faults:
        raise NotPublishableError("\n".join(map(str, faults)))
    versions = [version for version, _ in declared.of(ModelVersion)]
    if len(versions) != 1:
        raise NotPublishableError(f"{file}: holds {len(versions)} ModelVersions, one is expected")
    return versions[0]


def verify_version(version: ModelVersion, keys: TrustedKeys) -> Iterator[Proven | Fault]:
    """Yields, for each artifact, the proof or every fault."""
    for index, artifact in enumerate(version.spec.artifacts):
        field = f"spec.artifacts[{index}]"
        if artifact.envelope is None:
            yield Fault(f"{field}.envelope", "is not signed: every device will refuse it")
            continue
        try:
            envelope = _to_wire(artifact.envelope)
            payload = open_envelope(envelope, Kind.MANIFEST, keys)
            manifest = decode(Manifest, payload)
        except ContractError as problem:
            yield Fault(f"{field}.envelope", str(problem))
            continue
        faults = [
            Fault(f"{field}.{name}", f"shows {shown}, but the signed manifest says {signed}")
            for name, shown, signed in find_differences(version, artifact, manifest)
        ]
        yield from faults
        if not faults:
            yield Proven(manifest, hashlib.sha256(payload).hexdigest(), encode(envelope))


def _to_wire(envelope: visible.Envelope) -> Envelope:
    """Returns the envelope as the registry keeps it; the contract is stricter than the API."""
    return decode(Envelope, json.dumps(envelope.model_dump(mode="json", by_alias=True)).encode())
