"""A device's whole verdict on what it is sent. The firmware gives the same one (firmware/core/src/ef_verify.c).

Order: the document, its signature, the payload, its addressee, its age, then agreement with the rest.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgefleet.contracts.codec import DocumentT, decode
from edgefleet.contracts.desired import Assignment, Desired
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import Envelope, open_envelope
from edgefleet.contracts.keys import KeyBundle, TrustedKeys
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.contracts.semver import compare_versions


@dataclass(frozen=True, slots=True)
class Seen:
    """The highest number a device has accepted, and which bytes carried it.

    Attributes:
        number: a generation or a key bundle's version; 0 when there was none.
        digest: SHA-256 (hexadecimal) of the signed payload, None when it was not kept.
    """

    number: int = 0
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class DesiredContext:
    """What a device knows when a `desired` arrives."""

    device_id: str
    assignment_keys: TrustedKeys
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True)
class AcceptedDesired:
    """A command to obey, or the one already being obeyed (`unchanged`), to be resumed after a restart.

    Attributes:
        desired: the message.
        assignment: its signed part.
        seen: what the device must store before it acts.
        unchanged: the device has seen these very bytes.
    """

    desired: Desired
    assignment: Assignment
    seen: Seen
    unchanged: bool


def verify_desired(raw: bytes, context: DesiredContext) -> AcceptedDesired:
    """Judge a retained command.

    A generation below the last one seen is stale. The same generation is the same command only with the same bytes:
    two commands under one number are two operators at work, and the later is refused as stale.

    Raises:
        ContractError: any reason up to ManifestMismatch.
    """
    desired = decode(Desired, raw)
    payload = _open_at("assignment", Kind.DESIRED, desired.assignment, Kind.ASSIGNMENT, context.assignment_keys)
    assignment = _decode_at("assignment.payload", Kind.DESIRED, Assignment, payload)
    if assignment.device_id != context.device_id:
        raise _fault(Reason.WRONG_DEVICE, "assignment.payload.deviceID", Kind.DESIRED, f"this is {context.device_id}")
    seen = Seen(assignment.generation, hashlib.sha256(payload).hexdigest())
    unchanged = _is_unchanged(seen, context.seen, "assignment.payload.generation", Kind.DESIRED)
    signed = assignment.manifest_digest
    referenced = desired.manifest.digest if desired.manifest else None
    if signed != referenced:
        raise _fault(Reason.MANIFEST_MISMATCH, "manifest", Kind.DESIRED, "the reference is the one that is assigned")
    return AcceptedDesired(desired=desired, assignment=assignment, seen=seen, unchanged=unchanged)


@dataclass(frozen=True, slots=True)
class ManifestContext:
    """What a device knows when it fetches a manifest.

    Attributes:
        release_keys: the trusted release keys.
        digest: SHA-256 (hexadecimal) that the assignment names.
        device_class: this device's class.
        security_floor: the highest securityVersion accepted so far.
        slot_bytes: the most a model may weigh.
        arena_bytes: the most its tensors may need.
        firmware: this firmware's version.
        ops: the operators this firmware has, or None where the runtime has them all.
        schemas: digests (hexadecimal) of the feature schemas this firmware computes, by name, or None for any.
    """

    release_keys: TrustedKeys
    digest: str
    device_class: str
    security_floor: int
    slot_bytes: int
    arena_bytes: int
    firmware: str
    ops: frozenset[str] | None
    schemas: Mapping[str, str] | None = None


def verify_manifest(raw: bytes, context: ManifestContext) -> Manifest:
    """Judge a manifest envelope before any byte of its model is fetched.

    Raises:
        ContractError: a reason of the document or the signature, then ManifestMismatch, WrongClass,
            SecurityVersionTooLow, FirmwareTooOld, DoesNotFit, ArenaTooSmall, OpUnsupported, FeatureSchemaUnknown, in
            this order.
    """
    envelope = decode(Envelope, raw)
    payload = open_envelope(envelope, Kind.MANIFEST, context.release_keys)
    if hashlib.sha256(payload).hexdigest() != context.digest:
        raise _fault(Reason.MANIFEST_MISMATCH, "payload", Kind.ENVELOPE, "the manifest is the one that is assigned")
    manifest = _decode_at("payload", Kind.ENVELOPE, Manifest, payload)
    for reason, name, refused in _device_faults(manifest, context):
        if refused:
            raise _fault(reason, f"payload.{name}", Kind.ENVELOPE, "this device can hold and run it")
    for index, op in enumerate(manifest.ops):
        if context.ops is not None and op not in context.ops:
            raise _fault(Reason.OP_UNSUPPORTED, f"payload.ops[{index}]", Kind.ENVELOPE, f"{op} is not in this firmware")
    wanted = manifest.feature_schema
    if context.schemas is not None and context.schemas.get(wanted.name) != wanted.digest:
        rule = f"this firmware computes {wanted.name} as sha256:{wanted.digest}"
        raise _fault(Reason.FEATURE_SCHEMA_UNKNOWN, "payload.featureSchema", Kind.ENVELOPE, rule)
    return manifest


def _device_faults(manifest: Manifest, context: ManifestContext) -> tuple[tuple[Reason, str, bool], ...]:
    too_old = manifest.min_firmware is not None and compare_versions(context.firmware, manifest.min_firmware) < 0
    return (
        (Reason.WRONG_CLASS, "deviceClass", manifest.device_class != context.device_class),
        (Reason.SECURITY_VERSION_TOO_LOW, "securityVersion", manifest.security_version < context.security_floor),
        (Reason.FIRMWARE_TOO_OLD, "minFirmware", too_old),
        (Reason.DOES_NOT_FIT, "sizeBytes", manifest.size_bytes > context.slot_bytes),
        (Reason.ARENA_TOO_SMALL, "arenaBytes", manifest.arena_bytes > context.arena_bytes),
    )


@dataclass(frozen=True, slots=True)
class AcceptedKeys:
    """A key bundle to store, and the keys in it."""

    release_keys: TrustedKeys
    assignment_keys: TrustedKeys
    seen: Seen
    unchanged: bool


def verify_key_bundle(raw: bytes, release_keys: TrustedKeys, seen: Seen) -> AcceptedKeys:
    """Judge a new key bundle: a current release key signs it, and its version rises.

    Raises:
        ContractError: a reason of the document or the signature, StaleGeneration for a version seen before, OutOfRange
            for a key that is none.
    """
    envelope = decode(Envelope, raw)
    payload = open_envelope(envelope, Kind.KEY_BUNDLE, release_keys)
    bundle = _decode_at("payload", Kind.ENVELOPE, KeyBundle, payload)
    offered = Seen(bundle.version, hashlib.sha256(payload).hexdigest())
    unchanged = _is_unchanged(offered, seen, "payload.version", Kind.ENVELOPE)
    try:
        release, assignment = bundle.trusted()
    except ContractError as error:
        raise error.within("payload", Kind.ENVELOPE.value) from None
    return AcceptedKeys(release_keys=release, assignment_keys=assignment, seen=offered, unchanged=unchanged)


def _fault(reason: Reason, path: str, kind: Kind, rule: str) -> ContractError:
    return ContractError(reason, path, kind.value, rule)


def _is_unchanged(offered: Seen, seen: Seen, path: str, kind: Kind) -> bool:
    same_bytes = seen.digest is None or offered.digest == seen.digest
    if offered.number < seen.number or (offered.number == seen.number and not same_bytes):
        raise _fault(Reason.STALE_GENERATION, path, kind, f"above {seen.number}, or the same bytes again")
    return offered.number == seen.number


def _open_at(path: str, outer: Kind, envelope: Envelope, kind: Kind, keys: TrustedKeys) -> bytes:
    try:
        return open_envelope(envelope, kind, keys)
    except ContractError as error:
        raise error.within(path, outer.value) from None


def _decode_at(path: str, outer: Kind, model: type[DocumentT], raw: bytes) -> DocumentT:
    try:
        return decode(model, raw)
    except ContractError as error:
        raise error.within(path, outer.value) from None
