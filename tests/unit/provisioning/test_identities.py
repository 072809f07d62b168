"""What a device is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.keys import KeyBundle, VerifyKey
from edgefleet.provisioning.authority import Authority, make_key, public_to_pem, read_certificate
from edgefleet.provisioning.identities import (
    FILES,
    IdentityError,
    check_bundle,
    check_identity,
    make_identity,
    read_bundle,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHORITY = Authority.create(NOW)
RELEASE, SECOND, ASSIGNMENT = make_key(), make_key(), make_key()
KEYS = {"b.pem": public_to_pem(RELEASE.public_key()), "a.pem": public_to_pem(SECOND.public_key())}
BUNDLE = read_bundle(KEYS, [public_to_pem(ASSIGNMENT.public_key())])


def test_an_identity_is_whole_and_its_keys_are_the_platforms() -> None:
    files = make_identity("press-07", AUTHORITY, BUNDLE, NOW)
    assert set(files) == set(FILES)
    check_identity("press-07", files, AUTHORITY, NOW)
    released, assigning = decode(KeyBundle, files["keys.json"]).trusted()
    assert set(released) == {VerifyKey(RELEASE.public_key()).keyid, VerifyKey(SECOND.public_key()).keyid}
    assert set(assigning) == {VerifyKey(ASSIGNMENT.public_key()).keyid}


def test_the_same_keys_make_the_same_bundle_in_any_order() -> None:
    assert read_bundle(dict(reversed(KEYS.items())), [public_to_pem(ASSIGNMENT.public_key())]) == BUNDLE


def test_a_renewed_certificate_is_for_the_same_key() -> None:
    files = make_identity("press-07", AUTHORITY, BUNDLE, NOW)
    renewed = make_identity("press-07", AUTHORITY, BUNDLE, NOW, key=files["device.key"])
    assert renewed["device.key"] == files["device.key"]
    first, second = (read_certificate(each["device.crt"]) for each in (files, renewed))
    assert first.serial_number != second.serial_number


@pytest.mark.parametrize("device_id", ["", "Press", "a/b", "+", "a.b", "edgefleet:operator", "x" * 64, "-a"])
def test_what_is_no_device_id_is_refused(device_id: str) -> None:
    with pytest.raises(IdentityError, match="is not a device id"):
        make_identity(device_id, AUTHORITY, BUNDLE, NOW)


@pytest.mark.parametrize("number", [0, 5])
def test_a_bundle_has_one_to_four_release_keys(number: int) -> None:
    keys = {f"{index}.pem": public_to_pem(make_key().public_key()) for index in range(number)}
    with pytest.raises(IdentityError, match=f"^{number} release keys, where 1 to 4 are expected$"):
        read_bundle(keys, [public_to_pem(ASSIGNMENT.public_key())])


def test_a_release_key_that_is_none_is_named() -> None:
    with pytest.raises(IdentityError, match=r"^release key main.pem: not a PEM public key$"):
        read_bundle({"main.pem": b"junk"}, [public_to_pem(ASSIGNMENT.public_key())])


def test_a_rotated_bundle_is_handed_out_as_it_is() -> None:
    rotated = BUNDLE.model_copy(update={"version": 9})
    assert check_bundle(encode(rotated), public_to_pem(ASSIGNMENT.public_key())) == rotated


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"junk", "Malformed"),
        (encode(BUNDLE).replace(b'"keyid":"', b'"keyid":"0', 1), "OutOfRange"),
    ],
)
def test_what_is_no_bundle_is_refused(document: bytes, problem: str) -> None:
    with pytest.raises(IdentityError, match=problem):
        check_bundle(document, public_to_pem(ASSIGNMENT.public_key()))


def test_a_bundle_without_this_clusters_assignment_key_would_make_a_device_that_obeys_nobody() -> None:
    stranger = make_key()
    keyid = VerifyKey(stranger.public_key()).keyid
    with pytest.raises(IdentityError, match=f"^lacks the assignment key {keyid}, "):
        check_bundle(encode(BUNDLE), public_to_pem(stranger.public_key()))


OTHERS = make_identity("press-08", AUTHORITY, BUNDLE, NOW)
STRANGERS = make_identity("press-07", Authority.create(NOW), BUNDLE, NOW)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"device.crt": OTHERS["device.crt"]}, "device.crt: for press-08"),
        ({"device.key": OTHERS["device.key"]}, "device.key: not the key of device.crt"),
        ({"device.crt": STRANGERS["device.crt"], "device.key": STRANGERS["device.key"]}, "another authority"),
        ({"device.crt": b"junk"}, "not a PEM certificate"),
        ({"device.key": b"junk"}, "not an unencrypted PEM private key"),
    ],
)
def test_what_is_no_identity_of_this_fleet_is_named(changes: dict[str, bytes], problem: str) -> None:
    files = make_identity("press-07", AUTHORITY, BUNDLE, NOW) | changes
    with pytest.raises(IdentityError, match=problem):
        check_identity("press-07", files, AUTHORITY, NOW)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str) -> None:
    files = make_identity("press-07", AUTHORITY, BUNDLE, NOW)
    del files[name]
    with pytest.raises(IdentityError, match=f"^{name} missing$"):
        check_identity("press-07", files, AUTHORITY, NOW)


def test_an_ended_certificate_is_named() -> None:
    files = make_identity("press-07", AUTHORITY, BUNDLE, NOW)
    with pytest.raises(IdentityError, match=r"^device.crt: ended on 2027-"):
        check_identity("press-07", files, AUTHORITY, NOW + timedelta(days=400))
