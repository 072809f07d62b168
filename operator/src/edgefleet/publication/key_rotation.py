"""The next bundle of keys that devices trust, signed by a key that they trust now. Must not know how it travels."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey, TrustedKeys, VerifyKey
from edgefleet.contracts.limits import KEYS_MAX, SIGNATURES_MAX, UINT32_MAX
from edgefleet.contracts.reasons import ContractError
from edgefleet.contracts.verdicts import Seen, verify_key_bundle


class KeyRotationError(Exception):
    """There is no such next bundle; says which key stands in the way."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What becomes of one role's keys.

    Attributes:
        role: `release` or `assignment`, for messages.
        add: keys to trust from now on.
        remove: ids of keys not to trust any more.
    """

    role: str
    add: Sequence[VerifyKey] = ()
    remove: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NextBundle:
    """What follows on a bundle.

    Attributes:
        bundle: the keys, for devices that are provisioned from now on.
        document: the bundle's own document.
        message: the signed envelope, for devices that trust the bundle before it.
    """

    bundle: KeyBundle
    document: bytes
    message: bytes


def read_bundle(document: bytes) -> KeyBundle:
    """Returns a bundle whose keys can be used.

    Raises:
        KeyRotationError: it is no bundle, or a key in it is none.
    """
    try:
        bundle = decode(KeyBundle, document)
        bundle.trusted()
    except ContractError as problem:
        raise KeyRotationError(str(problem)) from None
    return bundle


def rotate(current: KeyBundle, release: KeyChange, assignment: KeyChange, signers: Sequence[SigningKey]) -> NextBundle:
    """Returns the bundle after `current`, its version one higher.

    Args:
        current: what devices trust now.
        release: the change to the keys that sign models and bundles.
        assignment: the change to the keys that sign commands.
        signers: release keys; one at least is a current one. Earlier ones besides let devices follow that have slept
            through the bundle between.

    Raises:
        KeyRotationError: nothing changes, a key to add is there, one to remove is not, none or too many would be left,
            or no device would take the bundle from these signers.
    """
    released, assigning = current.trusted()
    if not (release.add or release.remove or assignment.add or assignment.remove):
        raise KeyRotationError("nothing to change: name a key to add or to remove")
    if current.version == UINT32_MAX:
        raise KeyRotationError(f"version {current.version} is the last one there is")
    if not 1 <= len(signers) <= SIGNATURES_MAX:
        raise KeyRotationError(f"{len(signers)} keys to sign with, where 1 to {SIGNATURES_MAX} are expected")
    following = KeyBundle(
        version=current.version + 1,
        release_keys=_change(released, release),
        assignment_keys=_change(assigning, assignment),
    )
    document = encode(following)
    message = encode(seal(Kind.KEY_BUNDLE, document, signers))
    seen = Seen(current.version, hashlib.sha256(encode(current)).hexdigest())
    try:
        verify_key_bundle(message, released, seen)  # as a device will
    except ContractError as problem:
        known = ", ".join(released)
        raise KeyRotationError(f"devices would refuse it: {problem}; release keys they trust: {known}") from None
    return NextBundle(following, document, message)


def _change(keys: TrustedKeys, change: KeyChange) -> tuple[BundledKey, ...]:
    there = dict(keys)
    for keyid in change.remove:
        if there.pop(keyid, None) is None:
            raise KeyRotationError(f"{change.role} key {keyid}: not in the bundle, which has {', '.join(keys)}")
    for key in change.add:
        if key.keyid in there:
            raise KeyRotationError(f"{change.role} key {key.keyid}: in the bundle already")
        there[key.keyid] = key
    if not 1 <= len(there) <= KEYS_MAX:
        raise KeyRotationError(f"{len(there)} {change.role} keys would be left, where 1 to {KEYS_MAX} are expected")
    return tuple(BundledKey.of(key) for key in there.values())
