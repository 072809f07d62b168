"""The cluster's certificate authority, the certificates it signs and the service-account key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

_VALID = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)
# Two machines' clocks may differ a little, as may a container's and its host's.
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path

    @classmethod
    def at(cls, directory: Path, name: str) -> Pair:
        """Return the pair called ``name``, existing or not."""
        return cls(directory / f"{name}.crt", directory / f"{name}.key")

    @property
    def name(self) -> str:
        """What `at` was given."""
        return self.certificate.stem

    def load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
        """Read both; None if one is missing, damaged, or they do not belong together."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        except (OSError, ValueError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            return None
        return certificate, key

    def write(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """Write both, readable by their owner only."""
        write_private(self.key, _pem(key))
        write_private(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))


@dataclass(frozen=True)
class Subject:
    """Who a certificate is for: Kubernetes reads the user from CN and the groups from O."""

    name: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """DNS names and IP addresses that a server answers at; empty for a client."""

    @property
    def x509_name(self) -> x509.Name:
        """The subject as X.509 has it."""
        groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in self.groups]
        return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    @property
    def alternative_names(self) -> list[x509.GeneralName]:
        """The hosts, addresses told apart from names."""
        return [_general_name(host) for host in self.hosts]


class Authority:
    """A certificate authority in a directory, made at first use, with the certificates that it signed."""

    def __init__(self, directory: Path, *, now: datetime | None = None) -> None:
        """Load the authority, or make one when there is none or it ends soon."""
        self.directory = directory
        self._now = now or datetime.now(UTC)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.pair = Pair.at(directory, "ca")
        loaded = self.pair.load()
        if loaded is None or self._ends_soon(loaded[0]):
            loaded = self._make()
        self._certificate, self._key = loaded

    def issue(self, name: str, subject: Subject) -> Pair:
        """Return a certificate for ``subject``: the one there is, or a new one if that no longer fits."""
        pair = Pair.at(self.directory, name)
        loaded = pair.load()
        if loaded is None or not self._fits(loaded[0], subject):
            key = ec.generate_private_key(ec.SECP256R1())
            pair.write(self._sign(subject, key), key)
        return pair

    def service_account_key(self) -> Pair:
        """Return the key that signs service accounts' tokens; ``certificate`` is its bare public key."""
        pair = Pair(self.directory / "service-account.pub", self.directory / "service-account.key")
        if not (pair.key.exists() and pair.certificate.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(pair.key, _pem(key))
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            write_private(pair.certificate, public)
        return pair

    def _ends_soon(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_after_utc - self._now < _RENEW_BEFORE

    def _fits(self, certificate: x509.Certificate, subject: Subject) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            hosts = list(names.value)
        except x509.ExtensionNotFound:
            hosts = []
        except Exception:  # noqa: BLE001 - any doubt: sign a new one
            return False
        return (
            certificate.subject == subject.x509_name
            and hosts == subject.alternative_names
            and not self._ends_soon(certificate)
        )

    def _make(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = Subject("edgefleet-devcluster-ca").x509_name
        certificate = (
            self._builder(name, key.public_key())
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.pair.write(certificate, key)
        return certificate, key

    def _sign(self, subject: Subject, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if subject.hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = (
            self._builder(subject.x509_name, key.public_key())
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if subject.hosts:
            names = x509.SubjectAlternativeName(subject.alternative_names)
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _CLOCK_SKEW)
            .not_valid_after(self._now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner ever could read, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    partial.rename(path)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # Kubernetes' service-account signer reads both encodings; PKCS#8 is the one without a curve block.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
