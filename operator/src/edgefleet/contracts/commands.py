"""Writing a `desired` message whose unsigned parts agree with what is signed."""

from collections.abc import Sequence

from edgefleet.contracts.codec import encode
from edgefleet.contracts.desired import Assignment, Desired, ManifestReference
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from edgefleet.contracts.keys import SigningKey


def sign_command(
    assignment: Assignment, keys: Sequence[SigningKey], *, file_name: str = "", manifest_bytes: int | None = None
) -> bytes:
    """Return the retained message for one device.

    Args:
        assignment: what the device shall run, and how.
        keys: one to four assignment keys.
        file_name: of the model, for people and for the original system.
        manifest_bytes: size of the manifest envelope; exactly where the assignment names a manifest.

    Raises:
        ValueError: a manifest without a size or a size without a manifest.
        ContractError: the message would be too large.
    """
    digest = assignment.manifest_digest
    if (digest is None) != (manifest_bytes is None):
        raise ValueError("a manifest's digest and the size of its envelope come together")
    reference = None
    if digest is not None and manifest_bytes is not None:
        reference = ManifestReference(digest=digest, size_bytes=manifest_bytes)
    envelope = seal(Kind.ASSIGNMENT, encode(assignment), keys)
    return encode(Desired(payload=file_name, manifest=reference, assignment=envelope))
