"""Manifests over HTTPS: only what a trusted release key signed, about a blob that is there, and never another one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.codec import encode
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from edgefleet.contracts.keys import SigningKey
from edgefleet.contracts.limits import ENVELOPE_MAX
from support.authority import make_key
from support.signed_manifests import make_manifest, seal_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.authority import Identity
    from support.registry import Answer, Registry

MODEL = b"TFL3 a model, as far as the registry is concerned"


def publish(registry: Registry, **changes: Any) -> tuple[str, bytes, Answer]:
    registry.put_blob(MODEL)
    digest, envelope = seal_manifest(make_manifest(MODEL, **changes), [registry.signing_key])
    return digest, envelope, registry.put_manifest(envelope, digest)


def refusal(registry: Registry, envelope: bytes, digest: str) -> tuple[int, str]:
    """Upload, and make sure that nothing is stored."""
    before = registry.files()
    answer = registry.put_manifest(envelope, digest)
    assert registry.files() == before
    assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").status == 404
    return answer.status, answer.reason


def another_key() -> SigningKey:
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


def test_a_device_gets_the_envelope_byte_for_byte(registry: Registry, device: Identity) -> None:
    digest, envelope, answer = publish(registry)
    assert answer.status == 201
    path = f"/v1/manifests/sha256/{digest}"
    read = registry.ask("GET", path, identity=device)
    assert (read.status, read.body) == (200, envelope)
    assert read.headers["Content-Type"] == "application/json"
    assert read.headers["ETag"] == f'"sha256:{digest}"'
    assert read.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert registry.ask("HEAD", path, identity=device).headers["Content-Length"] == str(len(envelope))
    assert registry.ask("GET", path, identity=device, headers={"If-None-Match": read.headers["ETag"]}).status == 304
    part = registry.ask("GET", path, identity=device, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, envelope[10:20])


def test_the_bytes_are_kept_as_they_came(registry: Registry) -> None:
    registry.put_blob(MODEL)
    digest, envelope = seal_manifest(make_manifest(MODEL, version="1.0.1"), [registry.signing_key])
    spaced = json.dumps({"later": "ignored", **json.loads(envelope)}, indent=2).encode()
    assert registry.put_manifest(spaced, digest).status == 201
    assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").body == spaced


def test_the_same_again_is_no_change_and_another_is_a_conflict(registry: Registry) -> None:
    digest, envelope, first = publish(registry, version="1.1.0")
    assert (first.status, registry.put_manifest(envelope, digest).status) == (201, 200)
    other = json.dumps(json.loads(envelope), indent=1).encode()
    answer = registry.put_manifest(other, digest)
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").body == envelope


@pytest.mark.parametrize("damage", [b"", b"{}", b"x" * 20000], ids=["empty", "none", "long"])
def test_the_signed_bytes_mend_a_damaged_envelope(registry: Registry, damage: bytes) -> None:
    digest, envelope, _ = publish(registry, version=f"1.2.{len(damage)}")
    file = registry.store / "manifests" / "sha256" / digest[:2] / digest
    file.chmod(0o600)
    file.write_bytes(damage)
    assert registry.put_manifest(envelope, digest).status == 200
    assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").body == envelope


def test_a_key_that_nobody_trusts(registry: Registry) -> None:
    registry.put_blob(MODEL)
    digest, envelope = seal_manifest(make_manifest(MODEL, version="2.0.0"), [another_key()])
    assert refusal(registry, envelope, digest) == (400, "UnknownKey")


def test_one_good_signature_of_two_is_enough(registry: Registry) -> None:
    registry.put_blob(MODEL)
    keys = [another_key(), registry.signing_key]
    digest, envelope = seal_manifest(make_manifest(MODEL, version="2.0.1"), keys)
    assert registry.put_manifest(envelope, digest).status == 201


def _signed_by_another(tree: dict[str, Any], registry: Registry) -> None:
    payload = make_manifest(MODEL, version="2.1.0")
    other = json.loads(encode(seal(Kind.MANIFEST, encode(payload), [another_key()])))
    tree["signatures"] = [{**other["signatures"][0], "keyid": registry.signing_key.public.keyid}]


def _unsigned(tree: dict[str, Any], _: Registry) -> None:
    tree["signatures"] = []


def _without_signatures(tree: dict[str, Any], _: Registry) -> None:
    del tree["signatures"]


def _another_type(tree: dict[str, Any], _: Registry) -> None:
    tree["payloadType"] = "application/vnd.edgefleet.assignment.v1+json"


def _another_payload(tree: dict[str, Any], _: Registry) -> None:
    tree["payload"] = tree["payload"][:40] + ("A" if tree["payload"][40] != "A" else "B") + tree["payload"][41:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_signed_by_another, "BadSignature"),
        (_unsigned, "BadEnvelope"),
        (_without_signatures, "MissingField"),
        (_another_type, "BadEnvelope"),
        (_another_payload, "BadSignature"),
    ],
)
def test_a_forged_envelope(registry: Registry, change: Callable[[dict[str, Any], Registry], None], reason: str) -> None:
    registry.put_blob(MODEL)
    digest, envelope = seal_manifest(make_manifest(MODEL, version="2.1.0"), [registry.signing_key])
    tree = json.loads(envelope)
    change(tree, registry)
    assert refusal(registry, json.dumps(tree).encode(), digest) == (400, reason)


def test_every_signed_byte_counts(registry: Registry) -> None:
    registry.put_blob(MODEL)
    digest, envelope = seal_manifest(make_manifest(MODEL, version="2.2.0"), [registry.signing_key])
    for index in range(0, len(envelope), 61):
        tampered = envelope[:index] + bytes([envelope[index] ^ 1]) + envelope[index + 1 :]
        answer = registry.put_manifest(tampered, digest)
        assert answer.status == 400, (index, answer)
    assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"\xff\xfe", b'{"payloadType": 1}', MODEL])
def test_a_body_that_is_no_envelope(registry: Registry, body: bytes) -> None:
    status, reason = refusal(registry, body, "0" * 64)
    assert status == 400
    assert reason in {"Malformed", "MissingField", "WrongType"}


def test_another_digest_in_the_path(registry: Registry) -> None:
    registry.put_blob(MODEL)
    _, envelope = seal_manifest(make_manifest(MODEL, version="2.3.0"), [registry.signing_key])
    assert refusal(registry, envelope, "0" * 64) == (400, "DigestMismatch")


def test_a_signed_payload_that_is_no_manifest(registry: Registry) -> None:
    payload = b'{"schemaVersion":1,"model":"motor-anomaly"}'
    envelope = encode(seal(Kind.MANIFEST, payload, [registry.signing_key]))
    digest = hashlib.sha256(payload).hexdigest()
    assert refusal(registry, envelope, digest) == (400, "MissingField")


def test_a_manifest_of_a_blob_that_is_not_there(registry: Registry) -> None:
    digest, envelope = seal_manifest(make_manifest(b"never uploaded"), [registry.signing_key])
    assert refusal(registry, envelope, digest) == (422, "BlobMissing")
    registry.put_blob(b"never uploaded")
    assert registry.put_manifest(envelope, digest).status == 201


def test_a_manifest_of_a_blob_of_another_size(registry: Registry) -> None:
    registry.put_blob(MODEL)
    manifest = make_manifest(MODEL, size_bytes=len(MODEL) + 1)
    digest, envelope = seal_manifest(manifest, [registry.signing_key])
    assert refusal(registry, envelope, digest) == (422, "SizeMismatch")


def test_an_envelope_beyond_the_limit(registry: Registry) -> None:
    digest, envelope = seal_manifest(make_manifest(MODEL, version="2.4.0"), [registry.signing_key])
    padded = envelope + b" " * (ENVELOPE_MAX + 1 - len(envelope))
    assert refusal(registry, padded, digest) == (413, "TooLarge")
    registry.put_blob(MODEL)
    assert registry.put_manifest(padded[:-1], digest).status == 201


@pytest.mark.parametrize("name", ["A" * 64, "a" * 63, "%00" * 64, ".."])
def test_what_is_no_digest_names_no_manifest(registry: Registry, name: str) -> None:
    for method, body in (("GET", None), ("PUT", b"{}")):
        answer = registry.ask(method, f"/v1/manifests/sha256/{name}", body)
        assert (answer.status, answer.reason) == (400, "Malformed")


def test_keys_come_and_go_while_it_runs(registry: Registry) -> None:
    registry.put_blob(MODEL)
    public = make_key(registry.folder / "second.key")
    key = SigningKey.from_pem((registry.folder / "second.key").read_bytes())
    digest, envelope = seal_manifest(make_manifest(MODEL, version="3.0.0"), [key])
    assert refusal(registry, envelope, digest) == (400, "UnknownKey")
    trusted = registry.release_keys / "second.pem"
    trusted.write_bytes(public.read_bytes())
    assert registry.put_manifest(envelope, digest).status == 201
    trusted.unlink()
    assert registry.put_manifest(envelope, digest).reason == "UnknownKey"
    # What was let in stays: it is the devices that decide whom they trust.
    assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").body == envelope
