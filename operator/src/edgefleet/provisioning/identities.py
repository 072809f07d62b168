"""What a device is given so that it is one of the fleet: its certificate, its key, and the public keys it trusts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.conformance import matches
from edgefleet.contracts.keys import BundledKey, KeyBundle, VerifyKey
from edgefleet.contracts.limits import KEYS_MAX
from edgefleet.contracts.reasons import ContractError
from edgefleet.provisioning.authority import (
    Authority,
    Subject,
    common_name,
    read_certificate,
    read_key,
    read_public_key,
)

CA_FILE: Final = "ca.crt"
CERTIFICATE_FILE: Final = "device.crt"
KEY_FILE: Final = "device.key"
BUNDLE_FILE: Final = "keys.json"
FILES: Final = (CA_FILE, KEY_FILE, CERTIFICATE_FILE, BUNDLE_FILE)
"""In the order in which they are written: a certificate never stands beside another's key."""
_BUNDLE_VERSION: Final = 1


class IdentityError(ValueError):
    """What is there is no identity of this fleet's; says which file or key, and why."""


def read_bundle(release_keys: Mapping[str, bytes], assignment_keys: Iterable[bytes]) -> KeyBundle:
    """Return the keys that a new device is to trust.

    Args:
        release_keys: PEM public keys by name.
        assignment_keys: PEM public keys.

    Raises:
        IdentityError: there is no release key, too many, or one that cannot be used.
    """
    if not 1 <= len(release_keys) <= KEYS_MAX:
        raise IdentityError(f"{len(release_keys)} release keys, where 1 to {KEYS_MAX} are expected")
    released: list[BundledKey] = []
    for name, pem in sorted(release_keys.items()):
        try:
            released.append(BundledKey.of(VerifyKey(read_public_key(pem))))
        except ValueError as error:
            raise IdentityError(f"release key {name}: {error}") from None
    assigning = tuple(BundledKey.of(VerifyKey(read_public_key(pem))) for pem in assignment_keys)
    return KeyBundle(version=_BUNDLE_VERSION, release_keys=tuple(released), assignment_keys=assigning)


def check_bundle(document: bytes, assignment_key: bytes) -> KeyBundle:
    """Return the bundle in a document, as a new device will read it.

    Args:
        document: what `edgefleet keys rotate` wrote.
        assignment_key: the PEM public key whose commands the device is to obey.

    Raises:
        IdentityError: it is no bundle, or the device would obey nobody here.
    """
    try:
        bundle = decode(KeyBundle, document)
        _, assigning = bundle.trusted()
    except ContractError as error:
        raise IdentityError(str(error)) from None
    wanted = VerifyKey(read_public_key(assignment_key)).keyid
    if wanted not in assigning:
        raise IdentityError(f"lacks the assignment key {wanted}, with which this cluster's operator signs")
    return bundle


def make_identity(
    device_id: str, authority: Authority, bundle: KeyBundle, now: datetime, *, key: bytes | None = None
) -> dict[str, bytes]:
    """Return a device's files by name.

    Args:
        device_id: the device's id, which is its certificate's CN.
        authority: the fleet's.
        bundle: the keys it is to trust.
        now: the time.
        key: its private key (PEM), where it has one; by default a new one.

    Raises:
        IdentityError: not a device id, or a key that cannot be used.
    """
    if not matches("DnsLabel", device_id):
        raise IdentityError(f"{device_id!r} is not a device id: a-z, 0-9 and single -, at most 63 characters")
    try:
        own = read_key(key) if key else None
    except ValueError as error:
        raise IdentityError(f"{KEY_FILE}: {error}") from None
    pair = authority.issue(Subject(device_id), now, key=own)
    return {
        CA_FILE: authority.pair.certificate,
        KEY_FILE: pair.key,
        CERTIFICATE_FILE: pair.certificate,
        BUNDLE_FILE: encode(bundle),
    }


def check_identity(device_id: str, files: Mapping[str, bytes], authority: Authority, now: datetime) -> None:
    """Look at a device's files.

    Raises:
        IdentityError: one is missing, is another device's or another fleet's, or the certificate has ended.
    """
    if missing := [name for name in FILES if name not in files]:
        raise IdentityError(f"{', '.join(missing)} missing")
    try:
        certificate, key = read_certificate(files[CERTIFICATE_FILE]), read_key(files[KEY_FILE])
    except ValueError as error:
        raise IdentityError(f"{CERTIFICATE_FILE} or {KEY_FILE}: {error}") from None
    if common_name(certificate) != device_id:
        raise IdentityError(f"{CERTIFICATE_FILE}: for {common_name(certificate)}")
    if certificate.public_key() != key.public_key():
        raise IdentityError(f"{KEY_FILE}: not the key of {CERTIFICATE_FILE}")
    if not authority.signed(certificate):
        raise IdentityError(f"{CERTIFICATE_FILE}: signed by another authority than this cluster's")
    if certificate.not_valid_after_utc <= now:
        raise IdentityError(f"{CERTIFICATE_FILE}: ended on {certificate.not_valid_after_utc:%Y-%m-%d}")
