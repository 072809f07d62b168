"""Whether what a ModelVersion shows equals what was signed. Must not verify signatures: a folder holds no keys."""

import base64
import binascii
from collections.abc import Iterator

from edgefleet.api.v1alpha1 import DeviceClass
from edgefleet.api.v1alpha1.agreement import find_differences
from edgefleet.api.v1alpha1.modelversion import Envelope
from edgefleet.contracts.codec import decode
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reasons import ContractError
from edgefleet.manifests.findings import Finding
from edgefleet.manifests.fleet import Fleet, name_some


def check_envelopes(fleet: Fleet) -> Iterator[Finding]:
    """Yields unsigned artifacts, manifests that cannot be read, and fields that differ from the signed ones."""
    for models in fleet.versions.values():
        for version, declared in models.values():
            for index, artifact in enumerate(version.spec.artifacts):
                path = ("spec", "artifacts", index)
                if artifact.envelope is None:
                    message = "is not signed: every device will refuse it"
                    yield declared.find("signed", message, (*path, "envelope"), warning=True)
                    continue
                manifest = _open(artifact.envelope)
                if isinstance(manifest, str):
                    yield declared.find("manifest-readable", manifest, (*path, "envelope", "payload"))
                    continue
                for field, shown, signed in find_differences(version, artifact, manifest):
                    message = f"shows {shown}, but the signed manifest says {signed}"
                    yield declared.find("manifest-matches", message, (*path, field))
                for rule, message in _misfits(manifest, fleet.classes.get(artifact.device_class)):
                    yield declared.find(rule, message, (*path, "envelope"))


def _open(envelope: Envelope) -> Manifest | str:
    """Returns the manifest, or what is wrong with it."""
    try:
        return decode(Manifest, base64.b64decode(envelope.payload, validate=True))
    except (ContractError, binascii.Error) as problem:
        return f"holds no manifest: {problem}"


def _misfits(manifest: Manifest, device_class: DeviceClass | None) -> Iterator[tuple[str, str]]:
    """Yields (rule, message) of what the class's devices would reject."""
    if device_class is None:
        return
    if device_class.arena_bytes is not None and manifest.arena_bytes > device_class.arena_bytes:
        message = (
            f"needs an arena of {manifest.arena_bytes} bytes, class {manifest.device_class} "
            f"has {device_class.arena_bytes}"
        )
        yield "fits-arena", message
    missing = set(manifest.ops) - set(device_class.ops)
    if device_class.ops and missing:
        yield "ops-supported", f"uses {name_some(missing, 8)}, which class {manifest.device_class} does not have"
