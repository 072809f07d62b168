"""The golden cases of signatures: what a device says to commands, manifests and key bundles, and to forgeries."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgefleet.codegen import vector_samples as samples
from edgefleet.codegen.vector_cases import Case
from edgefleet.codegen.vector_samples import ASSIGNMENT_A, ASSIGNMENT_B, RELEASE_A, RELEASE_B, STRANGER, to_json
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import PAYLOAD_TYPES, encode_pae, seal
from edgefleet.contracts.features import SCHEMAS
from edgefleet.contracts.keys import SigningKey
from edgefleet.contracts.limits import ASSIGNMENT_MAX, KEY_BUNDLE_MAX, MANIFEST_MAX
from edgefleet.contracts.reasons import Reason

_ABSENT: Final = "-"
_SCHEMAS: Final = tuple((schema.name, schema.digest()) for schema in SCHEMAS.values())
_LEVEL1, _LEVEL2 = _SCHEMAS


@dataclass(frozen=True, slots=True)
class Context:
    """What a device knows, as a row of contexts.tsv; text columns, `-` for none."""

    name: str
    check: str
    keys: tuple[SigningKey, ...]
    device_id: str = samples.DEVICE
    seen_number: int = 0
    seen_digest: str = _ABSENT
    manifest_digest: str = _ABSENT
    device_class: str = samples.DEVICE_CLASS
    security_floor: int = 3
    slot_bytes: int = 11148
    arena_bytes: int = 20480
    firmware: str = "1.3.0"
    ops: tuple[str, ...] = samples.OPS
    schemas: tuple[tuple[str, str], ...] = _SCHEMAS

    def row(self) -> str:
        """Return the tab-separated columns of `CONTEXT_COLUMNS`."""
        columns = (
            *(self.name, self.check, self.device_id),
            ",".join(key.public.point.hex() for key in self.keys),
            *(self.seen_number, self.seen_digest, self.manifest_digest, self.device_class, self.security_floor),
            *(self.slot_bytes, self.arena_bytes, self.firmware, ",".join(self.ops) or _ABSENT),
            ",".join(f"{name}:{digest}" for name, digest in self.schemas) or _ABSENT,
        )
        return "\t".join(map(str, columns))


CONTEXT_COLUMNS: Final = (
    *("name", "check", "deviceID", "keys", "seenNumber", "seenDigest", "manifestDigest", "deviceClass"),
    *("securityFloor", "slotBytes", "arenaBytes", "firmware", "ops", "schemas"),
)
_ASSIGNERS: Final = (ASSIGNMENT_A, ASSIGNMENT_B)
_RELEASERS: Final = (RELEASE_A, RELEASE_B)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


_PAYLOAD: Final = to_json(samples.full(Kind.ASSIGNMENT))
_MANIFEST: Final = samples.manifest_payload()
_MANIFEST_SHA: Final = _sha256(_MANIFEST)
_BUNDLE: Final = to_json(samples.full(Kind.KEY_BUNDLE))

CONTEXTS: Final = (
    Context("fresh", "desired", _ASSIGNERS),
    Context("older-seen", "desired", _ASSIGNERS, seen_number=samples.GENERATION - 1),
    Context("same-seen", "desired", _ASSIGNERS, seen_number=samples.GENERATION, seen_digest=_sha256(_PAYLOAD)),
    Context("same-number", "desired", _ASSIGNERS, seen_number=samples.GENERATION),
    Context(
        "same-number-other-bytes",
        "desired",
        _ASSIGNERS,
        seen_number=samples.GENERATION,
        seen_digest=_sha256(b"other"),
    ),
    Context("newer-seen", "desired", _ASSIGNERS, seen_number=samples.GENERATION + 1),
    Context("other-device", "desired", _ASSIGNERS, device_id=samples.OTHER_DEVICE),
    Context(
        "other-device-newer-seen",
        "desired",
        _ASSIGNERS,
        device_id=samples.OTHER_DEVICE,
        seen_number=samples.GENERATION + 1,
    ),
    Context("manifest", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA),
    Context("manifest-all-ops", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, ops=()),
    Context("manifest-other-digest", "manifest", _RELEASERS, manifest_digest=_sha256(b"other")),
    Context(
        "manifest-other-class", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, device_class="coral-edgetpu"
    ),
    Context("manifest-high-floor", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, security_floor=4),
    Context("manifest-old-firmware", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, firmware="1.2.9"),
    Context("manifest-pre-firmware", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, firmware="1.3.0-rc.9"),
    Context("manifest-small-slot", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, slot_bytes=11147),
    Context("manifest-small-arena", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, arena_bytes=20479),
    Context("manifest-few-ops", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, ops=("CONV_2D",)),
    Context("manifest-any-schema", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, schemas=()),
    Context("manifest-only-its-schema", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, schemas=(_LEVEL1,)),
    Context("manifest-other-schema", "manifest", _RELEASERS, manifest_digest=_MANIFEST_SHA, schemas=(_LEVEL2,)),
    Context(
        "manifest-schema-of-one-name",
        "manifest",
        _RELEASERS,
        manifest_digest=_MANIFEST_SHA,
        schemas=((_LEVEL1[0], _LEVEL2[1]), _LEVEL2),
    ),
    Context(
        "manifest-schema-of-one-digest",
        "manifest",
        _RELEASERS,
        manifest_digest=_MANIFEST_SHA,
        schemas=(_LEVEL2, ("motor-other", _LEVEL1[1])),
    ),
    Context(
        "manifest-few-ops-other-schema",
        "manifest",
        _RELEASERS,
        manifest_digest=_MANIFEST_SHA,
        ops=("CONV_2D",),
        schemas=(_LEVEL2,),
    ),
    Context("bundle", "key-bundle", (RELEASE_A,), seen_number=3),
    Context("bundle-same", "key-bundle", (RELEASE_A,), seen_number=4, seen_digest=_sha256(_BUNDLE)),
    Context("bundle-other-bytes", "key-bundle", (RELEASE_A,), seen_number=4, seen_digest=_sha256(b"other")),
    Context("bundle-newer-seen", "key-bundle", (RELEASE_A,), seen_number=5),
)


def _sealed(kind: Kind, payload: bytes, *keys: SigningKey) -> dict[str, Any]:
    return seal(kind, payload, keys).to_tree()


def _desired(envelope: Mapping[str, Any], **changes: Any) -> bytes:
    tree = samples.full(Kind.DESIRED) | {"assignment": envelope} | changes
    return to_json({name: value for name, value in tree.items() if value is not None})


def _assign(*keys: SigningKey, padding: int = 0, drop: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
    tree = {name: value for name, value in samples.full(Kind.ASSIGNMENT).items() if name not in drop} | changes
    return _sealed(Kind.ASSIGNMENT, to_json(tree).ljust(padding), *(keys or (ASSIGNMENT_A,)))


def _signature_by(envelope: dict[str, Any], index: int, **changes: str) -> dict[str, Any]:
    signatures = [dict(each) for each in envelope["signatures"]]
    signatures[index] |= changes
    return envelope | {"signatures": signatures}


def _flipped(signature: str, byte: int) -> str:
    raw = bytearray(base64.b64decode(signature))
    raw[byte] ^= 1
    return base64.b64encode(raw).decode()


def signed_cases() -> Iterator[Case]:
    """Yield every case that needs a context."""
    yield from _accepted_commands()
    yield from _ages_and_addressees()
    yield from _forged_commands()
    yield from _bad_envelopes()
    yield from _bad_payloads()
    yield from _manifests()
    yield from _key_bundles()


def _command(name: str, raw: bytes, reason: Reason = Reason.OK, path: str = "", context: str = "older-seen") -> Case:
    return Case(Kind.DESIRED, f"signed-{name}", raw, reason, path, context)


def _accepted_commands() -> Iterator[Case]:
    good = _assign()
    yield _command("accepted", _desired(good))
    yield _command("accepted-by-a-fresh-device", _desired(good), context="fresh")
    yield _command("second-key", _desired(_assign(ASSIGNMENT_B)))
    yield _command("stranger-and-known-key", _desired(_assign(STRANGER, ASSIGNMENT_A)))
    both = _assign(ASSIGNMENT_A, ASSIGNMENT_B)
    yield _command("bad-and-good-signature", _desired(_signature_by(both, 0, sig=both["signatures"][1]["sig"])))
    four = _assign(STRANGER, STRANGER, STRANGER, ASSIGNMENT_B)
    yield _command("four-signatures", _desired(four))
    yield _command("escaped-slashes", _desired(good).replace(b"/", b"\\/"))
    settings_only = _assign(drop=("manifestDigest",))
    yield _command("no-model", _desired(settings_only, manifest=None, payload=""))
    yield _command("largest-payload", _desired(_assign(padding=ASSIGNMENT_MAX)))


def _ages_and_addressees() -> Iterator[Case]:
    good, age = _desired(_assign()), "assignment.payload.generation"
    yield _command("equal-generation", good, Reason.UNCHANGED, context="same-seen")
    yield _command("equal-generation-digest-not-kept", good, Reason.UNCHANGED, context="same-number")
    yield _command(
        "equal-generation-other-bytes", good, Reason.STALE_GENERATION, age, context="same-number-other-bytes"
    )
    yield _command("old-generation", good, Reason.STALE_GENERATION, age, context="newer-seen")
    addressee = "assignment.payload.deviceID"
    yield _command("wrong-device", good, Reason.WRONG_DEVICE, addressee, context="other-device")
    yield _command("wrong-device-and-old", good, Reason.WRONG_DEVICE, addressee, context="other-device-newer-seen")
    other = {"digest": samples.digest_of("other"), "sizeBytes": 100}
    yield _command("other-manifest", _desired(_assign(), manifest=other), Reason.MANIFEST_MISMATCH, "manifest")
    yield _command("no-manifest", _desired(_assign(), manifest=None), Reason.MANIFEST_MISMATCH, "manifest")
    unassigned = _assign(drop=("manifestDigest",))
    yield _command("unassigned-manifest", _desired(unassigned), Reason.MANIFEST_MISMATCH, "manifest")


def _forged_commands() -> Iterator[Case]:
    good, at = _assign(), "assignment.signatures"
    sig = good["signatures"][0]["sig"]
    raw = base64.b64decode(sig)
    forged = {
        "flipped-r": _flipped(sig, 0),
        "flipped-s": _flipped(sig, 63),
        "halves-swapped": base64.b64encode(raw[32:] + raw[:32]).decode(),
        "zero": base64.b64encode(bytes(64)).decode(),
        "zero-s": base64.b64encode(raw[:32] + bytes(32)).decode(),
        "all-ones": base64.b64encode(b"\xff" * 64).decode(),
    }
    for name, signature in forged.items():
        yield _command(
            f"bad-signature-{name}", _desired(_signature_by(good, 0, sig=signature)), Reason.BAD_SIGNATURE, at
        )
    yield _command("wrong-key", _desired(_assign(STRANGER)), Reason.UNKNOWN_KEY, at)
    yield _command("release-key", _desired(_assign(RELEASE_A)), Reason.UNKNOWN_KEY, at)
    claimed = _signature_by(_assign(STRANGER), 0, keyid=ASSIGNMENT_A.public.keyid)
    yield _command("wrong-key-under-a-known-id", _desired(claimed), Reason.BAD_SIGNATURE, at)
    swapped = _signature_by(good, 0, keyid=ASSIGNMENT_B.public.keyid)
    yield _command("key-ids-swapped", _desired(swapped), Reason.BAD_SIGNATURE, at)
    tampered = _assign(generation=samples.GENERATION + 1) | {"signatures": good["signatures"]}
    yield _command("tampered-payload", _desired(tampered), Reason.BAD_SIGNATURE, at)
    respaced = good | {"payload": base64.b64encode(_PAYLOAD + b" ").decode()}
    yield _command("respaced-payload", _desired(respaced), Reason.BAD_SIGNATURE, at)
    bare = base64.b64encode(ASSIGNMENT_A.sign(_PAYLOAD)).decode()
    yield _command("signed-without-pae", _desired(_signature_by(good, 0, sig=bare)), Reason.BAD_SIGNATURE, at)
    other_type = base64.b64encode(ASSIGNMENT_A.sign(encode_pae(PAYLOAD_TYPES[Kind.MANIFEST], _PAYLOAD))).decode()
    relabelled = _signature_by(good, 0, sig=other_type)
    yield _command("signed-as-another-type", _desired(relabelled), Reason.BAD_SIGNATURE, at)


def _bad_envelopes() -> Iterator[Case]:
    good = _assign()
    at = "assignment.payload"
    kind = "assignment.payloadType"
    as_manifest = _sealed(Kind.MANIFEST, _PAYLOAD, ASSIGNMENT_A)
    yield _command("wrong-payload-type", _desired(as_manifest), Reason.BAD_ENVELOPE, kind)
    foreign = good | {"payloadType": "application/vnd.in-toto+json"}
    yield _command("foreign-payload-type", _desired(foreign), Reason.BAD_ENVELOPE, kind)
    text = good["payload"]
    spellings = {
        "unpadded": text.rstrip("=") if text.endswith("=") else text[:-1],
        "url-safe": "-_" + text[2:],
        "with-newline": text[:4] + "\n" + text[4:],
        "padding-inside": text[:2] + "==" + text[4:],
        "padding-only": "====",
        "trailing-bits": "QUJ=",
        "one-character-left": text[:4] + "A===",
    }
    for name, spelling in spellings.items():
        raw = _desired(good | {"payload": spelling})
        yield _command(f"bad-base64-{name}", raw, Reason.BAD_ENVELOPE, at)
    none = _desired(good | {"signatures": []})
    yield _command("no-signature", none, Reason.BAD_ENVELOPE, "assignment.signatures")
    five = _desired(good | {"signatures": good["signatures"] * 5})
    yield _command("five-signatures", five, Reason.BAD_ENVELOPE, "assignment.signatures")
    short = base64.b64encode(base64.b64decode(good["signatures"][0]["sig"])[:63]).decode()
    cut = _desired(_signature_by(good, 0, sig=short))
    yield _command("short-signature", cut, Reason.BAD_ENVELOPE, "assignment.signatures[0].sig")
    shouted = _desired(_signature_by(good, 0, keyid="NOT-A-KEY-ID-16C"))
    yield _command("bad-key-id", shouted, Reason.BAD_ENVELOPE, "assignment.signatures[0].keyid")
    yield _command("payload-too-large", _desired(_assign(padding=ASSIGNMENT_MAX + 1)), Reason.TOO_LARGE, at)


def _bad_payloads() -> Iterator[Case]:
    at = "assignment.payload"
    changed: dict[str, tuple[dict[str, Any], Reason, str]] = {
        "schema-2": ({"schema": 2}, Reason.UNSUPPORTED_SCHEMA, f"{at}.schema"),
        "generation-0": ({"generation": 0}, Reason.OUT_OF_RANGE, f"{at}.generation"),
        "generation-text": ({"generation": "7"}, Reason.WRONG_TYPE, f"{at}.generation"),
        "threshold": ({"settings": {"anomalyThreshold": 1.5}}, Reason.OUT_OF_RANGE, f"{at}.settings.anomalyThreshold"),
        "device-id": ({"deviceID": "a/b"}, Reason.OUT_OF_RANGE, f"{at}.deviceID"),
    }
    for name, (changes, reason, path) in changed.items():
        yield _command(f"payload-{name}", _desired(_assign(**changes)), reason, path)
    missing = _assign(drop=("generation",))
    yield _command("payload-without-generation", _desired(missing), Reason.MISSING_FIELD, f"{at}.generation")
    for name, payload, reason in (
        ("not-json", b"generation: 7", Reason.MALFORMED),
        ("empty", b"", Reason.MALFORMED),
        ("duplicate-key", _PAYLOAD[:-1] + b',"generation":9}', Reason.DUPLICATE_KEY),
        ("list", b"[]", Reason.WRONG_TYPE),
    ):
        raw = _desired(_sealed(Kind.ASSIGNMENT, payload, ASSIGNMENT_A))
        yield _command(f"payload-{name}", raw, reason, at)


def _manifests() -> Iterator[Case]:
    def case(name: str, raw: Any, reason: Reason = Reason.OK, path: str = "", context: str = "manifest") -> Case:
        return Case(Kind.ENVELOPE, f"manifest-{name}", to_json(raw), reason, path, context)

    good = _sealed(Kind.MANIFEST, _MANIFEST, RELEASE_A)
    yield case("accepted", good)
    yield case("all-ops", good, context="manifest-all-ops")
    yield case("any-schema", good, context="manifest-any-schema")
    yield case("only-its-schema", good, context="manifest-only-its-schema")
    yield case("second-key", _sealed(Kind.MANIFEST, _MANIFEST, RELEASE_B))
    by_operator = _sealed(Kind.MANIFEST, _MANIFEST, ASSIGNMENT_A)
    yield case("signed-by-the-operator", by_operator, Reason.UNKNOWN_KEY, "signatures")
    flipped = _signature_by(good, 0, sig=_flipped(good["signatures"][0]["sig"], 40))
    yield case("bad-signature", flipped, Reason.BAD_SIGNATURE, "signatures")
    command = _sealed(Kind.ASSIGNMENT, _PAYLOAD, RELEASE_A)
    yield case("is-an-assignment", command, Reason.BAD_ENVELOPE, "payloadType")
    yield case("not-the-assigned-one", good, Reason.MANIFEST_MISMATCH, "payload", "manifest-other-digest")
    garbage = _sealed(Kind.MANIFEST, b"{", RELEASE_A)
    yield case("other-bytes-that-are-no-manifest", garbage, Reason.MANIFEST_MISMATCH, "payload")
    largest, too_large = (_MANIFEST.ljust(MANIFEST_MAX + more) for more in (0, 1))
    yield case("largest-payload", _sealed(Kind.MANIFEST, largest, RELEASE_A), Reason.MANIFEST_MISMATCH, "payload")
    yield case("payload-too-large", _sealed(Kind.MANIFEST, too_large, RELEASE_A), Reason.TOO_LARGE, "payload")
    for context, reason, field in (
        ("other-class", Reason.WRONG_CLASS, "deviceClass"),
        ("high-floor", Reason.SECURITY_VERSION_TOO_LOW, "securityVersion"),
        ("old-firmware", Reason.FIRMWARE_TOO_OLD, "minFirmware"),
        ("pre-firmware", Reason.FIRMWARE_TOO_OLD, "minFirmware"),
        ("small-slot", Reason.DOES_NOT_FIT, "sizeBytes"),
        ("small-arena", Reason.ARENA_TOO_SMALL, "arenaBytes"),
        ("few-ops", Reason.OP_UNSUPPORTED, "ops[1]"),
        ("few-ops-other-schema", Reason.OP_UNSUPPORTED, "ops[1]"),
        ("other-schema", Reason.FEATURE_SCHEMA_UNKNOWN, "featureSchema"),
        ("schema-of-one-name", Reason.FEATURE_SCHEMA_UNKNOWN, "featureSchema"),
        ("schema-of-one-digest", Reason.FEATURE_SCHEMA_UNKNOWN, "featureSchema"),
    ):
        yield case(context, good, reason, f"payload.{field}", f"manifest-{context}")


def _key_bundles() -> Iterator[Case]:
    def case(name: str, raw: Any, reason: Reason = Reason.OK, path: str = "", context: str = "bundle") -> Case:
        return Case(Kind.ENVELOPE, f"bundle-{name}", to_json(raw), reason, path, context)

    def changed(path: str, **changes: str) -> dict[str, Any]:
        tree = samples.full(Kind.KEY_BUNDLE)
        tree[path][1] |= changes
        return _sealed(Kind.KEY_BUNDLE, to_json(tree), RELEASE_A)

    good = _sealed(Kind.KEY_BUNDLE, _BUNDLE, RELEASE_A)
    yield case("accepted", good)
    yield case("same-version", good, Reason.UNCHANGED, context="bundle-same")
    yield case("same-version-other-bytes", good, Reason.STALE_GENERATION, "payload.version", "bundle-other-bytes")
    yield case("old-version", good, Reason.STALE_GENERATION, "payload.version", "bundle-newer-seen")
    yield case(
        "signed-by-its-own-new-key", _sealed(Kind.KEY_BUNDLE, _BUNDLE, RELEASE_B), Reason.UNKNOWN_KEY, "signatures"
    )
    off_curve = base64.b64encode(b"\x04" + bytes(63) + b"\x01").decode()
    where = "payload.releaseKeys[1]"
    yield case(
        "point-off-the-curve", changed("releaseKeys", publicKey=off_curve), Reason.OUT_OF_RANGE, f"{where}.publicKey"
    )
    other_id = changed("assignmentKeys", keyid=STRANGER.public.keyid)
    yield case("key-id-of-another", other_id, Reason.OUT_OF_RANGE, "payload.assignmentKeys[1].keyid")
    twice = changed("releaseKeys", **samples.full(Kind.KEY_BUNDLE)["releaseKeys"][0])
    yield case("key-listed-twice", twice, Reason.OUT_OF_RANGE, f"{where}.keyid")
    too_large = _sealed(Kind.KEY_BUNDLE, _BUNDLE.ljust(KEY_BUNDLE_MAX + 1), RELEASE_A)
    yield case("payload-too-large", too_large, Reason.TOO_LARGE, "payload")
