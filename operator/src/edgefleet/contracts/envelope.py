"""DSSE envelopes (secure-systems-lab/dsse, protocol v1): bytes signed as sent, nothing to canonicalise.

ECDSA P-256 with SHA-256. A signature is base64 of r || s, 32 bytes each: the form that PSA and WebCrypto take, of fixed
size, without ASN.1 on the device. A key id is a hint for choosing a trusted key and proves nothing.
"""

import base64
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from pydantic import Field

from edgefleet.contracts import formats, limits
from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.fields import KeyId
from edgefleet.contracts.keys import SigningKey, TrustedKeys
from edgefleet.contracts.reasons import ContractError, Reason

PAYLOAD_TYPES: Final = {
    kind: f"application/vnd.edgefleet.{kind.value}.v1+json"
    for kind in (Kind.MANIFEST, Kind.ASSIGNMENT, Kind.KEY_BUNDLE)
}
PAYLOAD_MAX: Final = {
    Kind.MANIFEST: limits.MANIFEST_MAX,
    Kind.ASSIGNMENT: limits.ASSIGNMENT_MAX,
    Kind.KEY_BUNDLE: limits.KEY_BUNDLE_MAX,
}
# Base64 characters of the largest payload there is.
_PAYLOAD_CHARS: Final = 4 * ((limits.MANIFEST_MAX + 2) // 3)


class Signature(Part):
    """One signature over the envelope's pre-authentication encoding."""

    value_fault: ClassVar[Reason] = Reason.BAD_ENVELOPE

    keyid: KeyId
    sig: Annotated[str, Field(max_length=formats.SIGNATURE_CHARS, pattern=formats.SIGNATURE_PATTERN)]


class Envelope(Document):
    """A signed payload of one of the `PAYLOAD_TYPES`."""

    kind: ClassVar[Kind] = Kind.ENVELOPE
    max_bytes: ClassVar[int] = limits.ENVELOPE_MAX
    value_fault: ClassVar[Reason] = Reason.BAD_ENVELOPE

    payload_type: Annotated[str, Field(max_length=64)]
    payload: Annotated[str, Field(max_length=_PAYLOAD_CHARS, pattern=formats.BASE64_PATTERN)]
    signatures: Annotated[tuple[Signature, ...], Field(strict=False, min_length=1, max_length=limits.SIGNATURES_MAX)]

    def payload_bytes(self) -> bytes:
        """Return the signed bytes, not yet verified."""
        return base64.b64decode(self.payload, validate=True)


def encode_pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding that a signature covers.

    Args:
        payload_type: the envelope's payloadType.
        payload: the payload's bytes before base64.

    Source: DSSE protocol.md, "Signature Definition".
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(kind: Kind, payload: bytes, keys: Sequence[SigningKey]) -> Envelope:
    """Sign a payload.

    Args:
        kind: which of the `PAYLOAD_TYPES`.
        payload: the encoded document, signed and sent byte for byte.
        keys: one to four signing keys.
    """
    payload_type = PAYLOAD_TYPES[kind]
    covered = encode_pae(payload_type, payload)
    return Envelope(
        payload_type=payload_type,
        payload=base64.b64encode(payload).decode("ascii"),
        signatures=tuple(
            Signature(keyid=key.public.keyid, sig=base64.b64encode(key.sign(covered)).decode("ascii")) for key in keys
        ),
    )


def open_envelope(envelope: Envelope, kind: Kind, keys: TrustedKeys) -> bytes:
    """Return the payload if a trusted key signed it.

    Args:
        envelope: as received.
        kind: the payload that must be inside; an envelope of another kind is refused, whoever signed it.
        keys: the trusted keys by key id.

    Raises:
        ContractError: BadEnvelope (another payload type), TooLarge, UnknownKey (no signature names a trusted key) or
            BadSignature (trusted keys are named, none of their signatures holds). One good signature is enough.
    """
    if envelope.payload_type != PAYLOAD_TYPES[kind]:
        rule = f"the payload type is {PAYLOAD_TYPES[kind]}"
        raise ContractError(Reason.BAD_ENVELOPE, "payloadType", Kind.ENVELOPE.value, rule)
    payload = envelope.payload_bytes()
    if len(payload) > PAYLOAD_MAX[kind]:
        raise ContractError(Reason.TOO_LARGE, "payload", Kind.ENVELOPE.value, f"at most {PAYLOAD_MAX[kind]} bytes")
    covered = encode_pae(envelope.payload_type, payload)
    known = [(keys[each.keyid], each) for each in envelope.signatures if each.keyid in keys]
    if not known:
        raise ContractError(Reason.UNKNOWN_KEY, "signatures", Kind.ENVELOPE.value, "a trusted key signs")
    if not any(key.verify(covered, base64.b64decode(each.sig, validate=True)) for key, each in known):
        raise ContractError(Reason.BAD_SIGNATURE, "signatures", Kind.ENVELOPE.value, "a trusted key's signature holds")
    return payload
