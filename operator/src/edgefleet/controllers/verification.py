"""Whether a version may be rolled out: signed by a trusted key, unaltered, fit for its classes, there to be fetched.

Level-triggered: every pass judges the whole object; what is slow (the registry) is remembered by content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from edgefleet.api.v1alpha1.agreement import find_differences
from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.api.v1alpha1.deviceclass import FORMATS, DeviceClass
from edgefleet.api.v1alpha1.modelversion import Artifact, ModelVersion
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import open_envelope
from edgefleet.contracts.keys import TrustedKeys
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.controllers.classes import KnownClass
from edgefleet.controllers.version_facts import read_artifact, read_envelope
from edgefleet.runtime.errors import RegistryRefused, RegistryUnavailable
from edgefleet.runtime.ports import BlobState


class Registry(Protocol):
    """The model registry, as far as verification asks it."""

    async def check_blob(self, digest: str, size: int) -> BlobState:
        """Tells whether the registry holds these bytes, by reading them."""
        ...

    async def check_manifest(self, digest: str, envelope: bytes) -> BlobState:
        """Tells whether the registry holds this envelope."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome for one artifact.

    Attributes:
        device_class: whose artifact.
        reason: one word; empty when all is well.
        message: a sentence that names what to mend; empty when all is well.
        class_hash: of the class it was judged against, empty without one.
        arena_bytes: what the signed manifest asks for, if it could be read.
        passing: it may pass by itself: look again.
    """

    device_class: str
    reason: str = ""
    message: str = ""
    class_hash: str = ""
    arena_bytes: int | None = None
    passing: bool = False


_BLOB: Final = {
    BlobState.MISSING: (ConditionReason.ARTIFACT_UNAVAILABLE.value, "the model registry does not hold"),
    BlobState.DIGEST_MISMATCH: (Reason.DIGEST_MISMATCH.value, "the model registry holds other bytes under the name of"),
}


class Verifier:
    """Judges versions against the trusted release keys, the device classes and the registry."""

    def __init__(self, keys: TrustedKeys, registry: Registry) -> None:
        """Keep what versions are judged against.

        Args:
            keys: release keys by key id.
            registry: where devices will fetch from.
        """
        self._keys = keys
        self._registry = registry
        self._fetched: set[tuple[str, str]] = set()

    async def verify(self, version: ModelVersion, classes: Mapping[str, KnownClass | str]) -> tuple[Finding, ...]:
        """Returns a finding for each artifact, in the object's order."""
        return tuple([await self._verify_artifact(version, artifact, classes) for artifact in version.spec.artifacts])

    async def _verify_artifact(
        self, version: ModelVersion, artifact: Artifact, classes: Mapping[str, KnownClass | str]
    ) -> Finding:
        name = artifact.device_class
        known = classes.get(name)
        if artifact.envelope is None:
            return Finding(name, ConditionReason.UNSIGNED, f"the artifact for {name} is not signed")
        manifest = self._open(artifact)
        if isinstance(manifest, Finding):
            return manifest
        for field, shown, signed in find_differences(version, artifact, manifest):
            message = f"{field} of the artifact for {name} shows {shown}, but the signed manifest says {signed}"
            return Finding(name, ConditionReason.MANIFEST_MISMATCH, message)
        if not isinstance(known, KnownClass):
            reason = ConditionReason.CLASS_UNKNOWN if known is None else ConditionReason.CLASS_INVALID
            return Finding(name, reason, known or f"device class {name} is not declared", passing=True)
        misfit = find_misfit(artifact, manifest, known.spec)
        if misfit is not None:
            return Finding(name, misfit[0], misfit[1], known.hash, manifest.arena_bytes)
        reason, message = await self._ask_registry(artifact)
        return Finding(name, reason, message, known.hash, manifest.arena_bytes, passing=bool(reason))

    def _open(self, artifact: Artifact) -> Manifest | Finding:
        name = artifact.device_class
        try:
            return decode(Manifest, open_envelope(read_envelope(artifact), Kind.MANIFEST, self._keys))
        except ContractError as problem:
            return Finding(name, problem.reason.value, f"the envelope of the artifact for {name}: {problem}")

    async def _ask_registry(self, artifact: Artifact) -> tuple[str, str]:
        facts = read_artifact(artifact)
        if (facts.manifest_digest, facts.digest) in self._fetched:
            return "", ""
        try:
            blob = await self._registry.check_blob(artifact.sha256, artifact.size_bytes)
            if blob is not BlobState.OK:
                reason, says = _BLOB[blob]
                return reason, f"{says} sha256:{artifact.sha256}, the model for {artifact.device_class}"
            manifest = await self._registry.check_manifest(facts.manifest_digest, encode(read_envelope(artifact)))
        except (RegistryUnavailable, RegistryRefused) as problem:
            return ConditionReason.ARTIFACT_UNAVAILABLE, f"the model registry does not answer: {problem}"
        if manifest is not BlobState.OK:
            reason, says = _BLOB[manifest]
            return reason, f"{says} manifest sha256:{facts.manifest_digest} for {artifact.device_class}"
        self._fetched.add((facts.manifest_digest, facts.digest))
        return "", ""


def find_misfit(artifact: Artifact, manifest: Manifest, device_class: DeviceClass) -> tuple[str, str] | None:
    """Returns (reason, message) of what keeps the artifact off its class, in the words a device would use."""
    name = artifact.device_class
    wanted = FORMATS[device_class.runtime]
    if artifact.format != wanted:
        return (
            Reason.WRONG_CLASS,
            f"class {name} runs {device_class.runtime}, which reads {wanted}, not {artifact.format}",
        )
    if artifact.size_bytes > device_class.slot_bytes:
        return Reason.DOES_NOT_FIT, f"{artifact.size_bytes} bytes do not fit into {device_class.slot_bytes} of {name}"
    arena = device_class.arena_bytes
    if arena is not None and manifest.arena_bytes > arena:
        return Reason.ARENA_TOO_SMALL, f"needs an arena of {manifest.arena_bytes} bytes, class {name} has {arena}"
    missing = sorted(set(manifest.ops) - set(device_class.ops)) if device_class.ops else []
    if missing:
        return Reason.OP_UNSUPPORTED, f"uses {', '.join(missing)}, which class {name} does not have"
    return None
