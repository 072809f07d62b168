"""What an installation keeps: the names, the form of each, and how each is found sound. Must not know where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from edgefleet.provisioning.authority import (
    RENEW_BEFORE,
    Authority,
    Subject,
    common_name,
    hosts_of,
    read_certificate,
    read_key,
    read_public_key,
)

PLATFORM_NAMESPACE: Final = "edgefleet-system"
BROKER: Final = "edgefleet-broker"
MODEL_REGISTRY: Final = "edgefleet-model-registry"
OPERATOR: Final = "edgefleet-operator"
"""Names of the Deployments, and of the Services of the first two."""
AUTHORITY: Final = "edgefleet-ca"
ASSIGNMENT_KEY: Final = "edgefleet-assignment-key"
UPLOAD_TOKEN: Final = "edgefleet-model-registry-upload"  # noqa: S105 - a name
RELEASE_KEYS: Final = "edgefleet-release-keys"
"""The ConfigMap of the keys that models are signed with; every other name above is a Secret's."""

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
CA_CERTIFICATE: Final = "ca.crt"
ASSIGNMENT_PRIVATE: Final = "assignment.key"
ASSIGNMENT_PUBLIC: Final = "assignment.pub"
TOKEN: Final = "token"  # noqa: S105 - a field
TLS: Final = "kubernetes.io/tls"
OPAQUE: Final = "Opaque"

_TOKEN: Final = re.compile(rb"[!-~]{32,}")

Data = Mapping[str, bytes]
"""A Secret's content by field."""


class BrokenSecretError(Exception):
    """What is stored cannot be used, and is not ours to replace."""

    def __init__(self, name: str, key: str, problem: str) -> None:
        """Name the Secret, the field and what is wrong; never the content."""
        super().__init__(f"Secret {name}: {key}: {problem}")


@dataclass(frozen=True, slots=True)
class Secret:
    """What is to be stored.

    Attributes:
        name: of the Secret.
        type: Kubernetes' word for its form.
        data: its content.
        immutable: whether the API server is to refuse every change.
        renewal: what tells one renewal from the other; empty for what was never renewed.
    """

    name: str
    type: str
    data: Data = field(repr=False)
    immutable: bool = False
    renewal: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate that an installation needs.

    Attributes:
        secret: where it is kept.
        subject: who it is for.
        deployment: who reads it when it starts.
    """

    secret: str
    subject: Subject
    deployment: str


def leaves(namespace: str, external_names: tuple[str, ...]) -> tuple[Leaf, ...]:
    """Return the certificates that an installation needs.

    Args:
        namespace: of the installation.
        external_names: DNS names and IP addresses under which devices reach its servers from outside.
    """
    return (
        Leaf(f"{BROKER}-tls", Subject("edgefleet:broker", _hosts(BROKER, namespace, external_names)), BROKER),
        Leaf(
            f"{MODEL_REGISTRY}-tls",
            Subject("edgefleet:model-registry", _hosts(MODEL_REGISTRY, namespace, external_names)),
            MODEL_REGISTRY,
        ),
        Leaf(f"{OPERATOR}-tls", Subject("edgefleet:operator"), OPERATOR),
    )


def names(namespace: str, external_names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of all Secrets of an installation."""
    return (AUTHORITY, *(leaf.secret for leaf in leaves(namespace, external_names)), ASSIGNMENT_KEY, UPLOAD_TOKEN)


def read_authority(data: Data, now: datetime) -> Authority:
    """Return the stored authority.

    Raises:
        BrokenSecretError: it cannot sign.
    """
    certificate = _read_pair(AUTHORITY, data)
    if not _is_authority(certificate):
        raise BrokenSecretError(AUTHORITY, CERTIFICATE, "not a certificate authority's")
    if certificate.not_valid_after_utc <= now:
        raise BrokenSecretError(AUTHORITY, CERTIFICATE, f"ended on {certificate.not_valid_after_utc:%Y-%m-%d}")
    return Authority(certificate, read_key(data[KEY]))


def why_renew(leaf: Leaf, data: Data, authority: Authority, now: datetime) -> str:
    """Return why a stored certificate is to be renewed; empty where it may stay.

    Raises:
        BrokenSecretError: it is not what this installation's authority made.
    """
    certificate = _read_pair(leaf.secret, data)
    if not authority.signed(certificate):
        raise BrokenSecretError(leaf.secret, CERTIFICATE, f"not signed by {AUTHORITY}")
    if common_name(certificate) != leaf.subject.name:
        raise BrokenSecretError(leaf.secret, CERTIFICATE, f"not for {leaf.subject.name}")
    if data.get(CA_CERTIFICATE, b"").strip() != authority.pair.certificate.strip():
        raise BrokenSecretError(leaf.secret, CA_CERTIFICATE, f"not the certificate of {AUTHORITY}")
    stored, wanted = hosts_of(certificate), frozenset(leaf.subject.hosts)
    if stored != wanted:
        changes = [f"with {name}" for name in sorted(wanted - stored)]
        return ", ".join(changes + [f"without {name}" for name in sorted(stored - wanted)])
    if certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return f"ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
    return ""


def check_assignment_key(data: Data) -> None:
    """Look at the stored key that signs assignments.

    Raises:
        BrokenSecretError: it cannot be used.
    """
    try:
        private = read_key(_field(ASSIGNMENT_KEY, data, ASSIGNMENT_PRIVATE))
    except ValueError as error:
        raise BrokenSecretError(ASSIGNMENT_KEY, ASSIGNMENT_PRIVATE, str(error)) from None
    try:
        public = read_public_key(_field(ASSIGNMENT_KEY, data, ASSIGNMENT_PUBLIC))
    except ValueError as error:
        raise BrokenSecretError(ASSIGNMENT_KEY, ASSIGNMENT_PUBLIC, str(error)) from None
    if private.public_key() != public:
        raise BrokenSecretError(ASSIGNMENT_KEY, ASSIGNMENT_PUBLIC, f"not the public key of {ASSIGNMENT_PRIVATE}")


def check_token(data: Data) -> None:
    """Look at the stored token that uploads need.

    Raises:
        BrokenSecretError: it is short, or could not stand in a header.
    """
    if not _TOKEN.fullmatch(_field(UPLOAD_TOKEN, data, TOKEN)):
        raise BrokenSecretError(UPLOAD_TOKEN, TOKEN, "not 32 or more printable characters without spaces")


def _read_pair(name: str, data: Data) -> x509.Certificate:
    try:
        certificate = read_certificate(_field(name, data, CERTIFICATE))
    except ValueError as error:
        raise BrokenSecretError(name, CERTIFICATE, str(error)) from None
    try:
        key = read_key(_field(name, data, KEY))
    except ValueError as error:
        raise BrokenSecretError(name, KEY, str(error)) from None
    if certificate.public_key() != key.public_key():
        raise BrokenSecretError(name, KEY, f"not the key of {CERTIFICATE}")
    return certificate


def _field(name: str, data: Data, key: str) -> bytes:
    if not data.get(key):
        raise BrokenSecretError(name, key, "missing")
    return data[key]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _hosts(service: str, namespace: str, external_names: tuple[str, ...]) -> tuple[str, ...]:
    within = f"{service}.{namespace}"
    return tuple(
        dict.fromkeys((service, within, f"{within}.svc", f"{within}.svc.cluster.local", *external_names)).keys()
    )
