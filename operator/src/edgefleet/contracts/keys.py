"""ECDSA P-256 keys: their ids, their raw signatures, and the bundle of public keys that provisioning hands out."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Final, Self, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pydantic import Field

from edgefleet.contracts import formats, limits
from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.fields import KeyId, SchemaVersion, Uint32
from edgefleet.contracts.reasons import ContractError, Reason

_HALF: Final = 32  # bytes of r, of s, and of a coordinate
_DIGEST: Final = hashes.SHA256()


class VerifyKey:
    """A public key.

    Attributes:
        keyid: 16 hexadecimal digits, the first half of SHA-256 over the key's SubjectPublicKeyInfo.
        point: 65 bytes, the uncompressed point.
    """

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        """Wrap a key of the curve P-256.

        Raises:
            ValueError: another curve.
        """
        if not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"the curve is P-256, not {key.curve.name}")  # noqa: TRY004 - the content is at fault
        self._key = key
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.keyid = hashlib.sha256(spki).hexdigest()[: formats.KEY_ID_HEX]
        self.point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    @classmethod
    def from_point(cls, point: bytes) -> Self:
        """Read an uncompressed point of 65 bytes.

        Raises:
            ValueError: not a point of the curve.
        """
        return cls(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a public key in PEM (SubjectPublicKeyInfo).

        Raises:
            ValueError: not a public key on P-256.
        """
        try:
            key = serialization.load_pem_public_key(pem)
        except UnsupportedAlgorithm as problem:
            raise ValueError(str(problem)) from None
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("an EC public key is expected")  # noqa: TRY004 - the content is at fault
        return cls(key)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the 64 bytes r || s sign the message under this key."""
        r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
        try:
            self._key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(_DIGEST))
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key.

    Attributes:
        public: the key that verifies.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Wrap a key of the curve P-256."""
        self._key = key
        self.public = VerifyKey(key.public_key())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted PEM key (PKCS #8 or SEC 1).

        Raises:
            ValueError: not an EC private key on P-256.
        """
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("an EC private key is expected")  # noqa: TRY004 - the file's content is at fault
        return cls(key)

    def sign(self, message: bytes) -> bytes:
        """Return r || s, 64 bytes, the same for the same message (RFC 6979)."""
        der = self._key.sign(message, ec.ECDSA(_DIGEST, deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(_HALF) + s.to_bytes(_HALF)


TrustedKeys: TypeAlias = Mapping[str, VerifyKey]


def trust(keys: Iterable[VerifyKey]) -> TrustedKeys:
    """Return the keys by key id."""
    return {key.keyid: key for key in keys}


class BundledKey(Part):
    """A public key as provisioning sends it."""

    keyid: KeyId
    public_key: Annotated[str, Field(max_length=formats.POINT_CHARS, pattern=formats.POINT_PATTERN)]

    @classmethod
    def of(cls, key: VerifyKey) -> Self:
        """Write a key down."""
        return cls(keyid=key.keyid, public_key=base64.b64encode(key.point).decode("ascii"))


_Keys: TypeAlias = Annotated[tuple[BundledKey, ...], Field(strict=False, min_length=1, max_length=limits.KEYS_MAX)]


class KeyBundle(Document):
    """The keys a device trusts. A new bundle is signed by a release key of the one before it."""

    kind: ClassVar[Kind] = Kind.KEY_BUNDLE
    max_bytes: ClassVar[int] = limits.KEY_BUNDLE_MAX

    schema_version: SchemaVersion = 1
    version: Uint32
    release_keys: _Keys
    assignment_keys: _Keys

    def trusted(self) -> tuple[TrustedKeys, TrustedKeys]:
        """Return the release keys and the assignment keys.

        Raises:
            ContractError: OutOfRange, a point off the curve, a key id that is not the key's, or a key listed twice.
        """
        return _load("releaseKeys", self.release_keys), _load("assignmentKeys", self.assignment_keys)


def _load(path: str, keys: tuple[BundledKey, ...]) -> TrustedKeys:
    loaded: list[VerifyKey] = []
    for index, each in enumerate(keys):
        where = f"{path}[{index}]"
        try:
            key = VerifyKey.from_point(base64.b64decode(each.public_key, validate=True))
        except ValueError:
            rule = "a point of the curve P-256"
            raise ContractError(Reason.OUT_OF_RANGE, f"{where}.publicKey", Kind.KEY_BUNDLE.value, rule) from None
        if key.keyid != each.keyid or key.keyid in {other.keyid for other in loaded}:
            rule = "the key id is the key's, and each key is listed once"
            raise ContractError(Reason.OUT_OF_RANGE, f"{where}.keyid", Kind.KEY_BUNDLE.value, rule)
        loaded.append(key)
    return trust(loaded)
