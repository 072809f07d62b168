"""DSSE: the specification's vector, the key forms, and that no changed byte is ever accepted."""

import base64
import hashlib
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from edgefleet.codegen import vector_samples as samples
from edgefleet.codegen.vector_samples import ASSIGNMENT_A, ASSIGNMENT_B
from edgefleet.contracts.codec import decode
from edgefleet.contracts.desired import Desired
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import encode_pae, open_envelope, seal
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey, VerifyKey, trust
from edgefleet.contracts.reasons import ContractError, Reason
from support.contract_core import Question, sanitized_core
from support.contract_verdicts import Judgement, read_contexts

_TRUSTED = trust([ASSIGNMENT_A.public, ASSIGNMENT_B.public])


def test_pae_is_the_specifications() -> None:
    # secure-systems-lab/dsse, protocol.md, "Test Vectors".
    payload_type, payload = "http://example.com/HelloWorld", b"hello world"
    covered = encode_pae(payload_type, payload)
    assert covered == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    ((digest,),) = sanitized_core().ask([Question("e", (payload_type.encode(), payload))])
    assert digest == hashlib.sha256(covered).hexdigest()


@pytest.mark.parametrize("length", [0, 9, 10, 99, 100, 8192])
def test_the_firmware_covers_the_same_bytes(length: int) -> None:
    payload = bytes(index % 251 for index in range(length))
    ((digest,),) = sanitized_core().ask([Question("e", (b"t", payload))])
    assert digest == hashlib.sha256(encode_pae("t", payload)).hexdigest()


def test_a_signature_is_fixed_r_and_s_over_the_pae() -> None:
    envelope = seal(Kind.ASSIGNMENT, b"{}", [ASSIGNMENT_A])
    raw = base64.b64decode(envelope.signatures[0].sig)
    assert len(raw) == 64
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ASSIGNMENT_A.public.point)
    key.verify(der, encode_pae(envelope.payload_type, b"{}"), ec.ECDSA(hashes.SHA256()))


def test_signing_is_deterministic_and_known() -> None:
    # RFC 6979, A.2.5: P-256 with SHA-256, message "sample".
    scalar = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    signature = SigningKey(ec.derive_private_key(scalar, ec.SECP256R1())).sign(b"sample").hex()
    assert signature == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


def test_a_key_id_is_half_a_hash_of_the_spki() -> None:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ASSIGNMENT_A.public.point)
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert ASSIGNMENT_A.public.keyid == hashlib.sha256(spki).hexdigest()[:16]


def test_a_key_comes_from_pem() -> None:
    key = ec.derive_private_key(5, ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert SigningKey.from_pem(pem).sign(b"x") == SigningKey(key).sign(b"x")


def test_another_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="P-256"):
        SigningKey(ec.derive_private_key(5, ec.SECP384R1()))


@dataclass(frozen=True)
class _Flip:
    name: str
    raw: bytes


def _flips() -> list[_Flip]:
    """One bit changed in every byte of the payload and of the signature, still well-formed base64."""
    envelope = seal(Kind.ASSIGNMENT, samples.to_json(samples.full(Kind.ASSIGNMENT)), [ASSIGNMENT_A])
    payload, signature = envelope.payload_bytes(), base64.b64decode(envelope.signatures[0].sig)
    tree = samples.full(Kind.DESIRED)
    flips: list[_Flip] = []
    for index in range(len(payload) + len(signature)):
        changed = bytearray(payload + signature)
        changed[index] ^= 1 << index % 8
        tree["assignment"] = envelope.to_tree() | {
            "payload": base64.b64encode(changed[: len(payload)]).decode(),
            "signatures": [
                {"keyid": ASSIGNMENT_A.public.keyid, "sig": base64.b64encode(changed[len(payload) :]).decode()}
            ],
        }
        flips.append(_Flip(str(index), samples.to_json(tree)))
    return flips


def test_no_flipped_byte_is_accepted_by_either_side() -> None:
    context = read_contexts()["older-seen"]
    judgements = [Judgement(Kind.DESIRED, flip.raw, context) for flip in _flips()]
    answers = sanitized_core().ask(judgement.question() for judgement in judgements)
    expected = f"BadSignature {Reason.BAD_SIGNATURE.code} 1 assignment.signatures"
    assert {line for answer in answers for line in answer} == {expected}
    for judgement in judgements:
        envelope = decode(Desired, judgement.raw).assignment
        with pytest.raises(ContractError) as caught:
            open_envelope(envelope, Kind.ASSIGNMENT, _TRUSTED)
        assert caught.value.reason is Reason.BAD_SIGNATURE


def test_a_bundle_gives_its_keys_back() -> None:
    bundle = KeyBundle(
        version=1,
        release_keys=(BundledKey.of(samples.RELEASE_A.public),),
        assignment_keys=(BundledKey.of(ASSIGNMENT_A.public), BundledKey.of(ASSIGNMENT_B.public)),
    )
    release, assignment = bundle.trusted()
    assert set(release) == {samples.RELEASE_A.public.keyid}
    assert assignment[ASSIGNMENT_B.public.keyid].verify(b"m", ASSIGNMENT_B.sign(b"m"))
    assert not assignment[ASSIGNMENT_B.public.keyid].verify(b"m", ASSIGNMENT_A.sign(b"m"))


def test_a_point_off_the_curve_is_no_key() -> None:
    with pytest.raises(ValueError, match=r"(?i)point|curve|invalid"):
        VerifyKey.from_point(b"\x04" + bytes(64))
