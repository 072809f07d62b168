"""The fleet's certificate authority: ECDSA P-256 certificates that OpenSSL, mbedTLS 2.28 and Python accept alike."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_VALID: Final = timedelta(days=3653)
LEAF_VALID: Final = timedelta(days=366)
RENEW_BEFORE: Final = timedelta(days=30)
"""A leaf that ends sooner is to be replaced."""
# A device's clock may be a little behind, and time on it may come from its last start.
_CLOCK_SKEW: Final = timedelta(minutes=5)
# ':' cannot be in a device id, so no device has the name of a service, nor the authority's.
_AUTHORITY_NAME: Final = "edgefleet:ca"
_DNS_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_DNS_LABEL}(\.{_DNS_LABEL})*")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a certificate is for.

    Attributes:
        name: the CN, which is the identity: a device id, or `edgefleet:<service>`.
        hosts: DNS names and IP addresses, as `read_host` returns them, that a server answers at. With any it is a
            server's certificate and no client's; without, a client's and no server's.
    """

    name: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key (PKCS #8), both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates.

    Attributes:
        certificate: its own.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """Take a certificate and the key that belongs to it."""
        self.certificate = certificate
        self._key = key

    @classmethod
    def create(cls, now: datetime) -> Self:
        """Make an authority with a new key."""
        key = make_key()
        name = _x509_name(_AUTHORITY_NAME)
        builder = (
            _builder(name, name, key.public_key(), now, now + AUTHORITY_VALID)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def pair(self) -> Pair:
        """The authority's own certificate and key."""
        return Pair(to_pem(self.certificate), key_to_pem(self._key))

    def issue(
        self,
        subject: Subject,
        now: datetime,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        valid: timedelta = LEAF_VALID,
    ) -> Pair:
        """Sign a certificate.

        Args:
            subject: who it is for.
            now: its begin, less five minutes.
            key: the subject's key; by default a new one.
            valid: how long; never beyond the authority's own end.
        """
        key = key or make_key()
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if subject.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        end = min(now + valid, self.certificate.not_valid_after_utc)
        builder = (
            _builder(_x509_name(subject.name), self.certificate.subject, key.public_key(), now, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if subject.hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in subject.hosts])
            builder = builder.add_extension(names, critical=False)
        return Pair(to_pem(builder.sign(self._key, hashes.SHA256())), key_to_pem(key))

    def signed(self, certificate: x509.Certificate) -> bool:
        """Tell whether this authority signed a certificate."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True


def read_host(text: str) -> str:
    """Return a DNS name or an IP address in the one way that certificates have it.

    Raises:
        ValueError: it is neither.
    """
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    if not _DNS_NAME.fullmatch(text.lower()):
        raise ValueError(f"{text!r} is neither a DNS name nor an IP address")
    return text.lower()


def make_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def read_certificate(pem: bytes) -> x509.Certificate:
    """Read a PEM certificate.

    Raises:
        ValueError: it is none.
    """
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ValueError("not a PEM certificate") from error


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Read an unencrypted PEM private key.

    Raises:
        ValueError: it is none, or not on P-256.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("not an unencrypted PEM private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a key of the curve P-256")  # noqa: TRY004 - the content is at fault
    return key


def read_public_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Read a PEM public key (SubjectPublicKeyInfo).

    Raises:
        ValueError: it is none, or not on P-256.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise ValueError("not a PEM public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a key of the curve P-256")  # noqa: TRY004 - the content is at fault
    return key


def to_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM, PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_to_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as PEM, SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def common_name(certificate: x509.Certificate) -> str:
    """Return the CN; empty where there is not exactly one."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def hosts_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the DNS names and IP addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(str(name.value) for name in names)


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _x509_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
