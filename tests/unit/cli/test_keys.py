"""`edgefleet keys` as a person runs it."""

import hashlib
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.codegen.vector_signed import Context
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey, VerifyKey
from edgefleet.contracts.verdicts import Seen, verify_key_bundle
from edgefleet.publication.key_files import read_signing_key, read_trusted_keys, read_verify_key
from support.commandline import run_edgefleet
from support.contract_core import Question, sanitized_core


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_edgefleet("keys", *arguments)


def test_a_key_is_made_private_and_shown_by_both_halves(tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    made = run("generate", key)
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    keyid = made.stdout.strip()
    for each in (key, tmp_path / "release.key.pub"):
        assert run("show", each).stdout == f"{keyid}\n"
    assert "PRIVATE" not in made.stdout + made.stderr
    assert read_signing_key(key).public.keyid == keyid
    assert set(read_trusted_keys([tmp_path / "release.key.pub"])) == {keyid}


@pytest.mark.parametrize("taken", ["release.key", "release.key.pub"])
def test_nothing_is_overwritten_and_nothing_is_left_behind(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    done = run("generate", tmp_path / "release.key")
    assert done.returncode == 2
    assert "never overwritten" in done.stderr
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(taken, "precious")]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "release.key").symlink_to(tmp_path / "elsewhere")
    assert run("generate", tmp_path / "release.key").returncode == 2
    assert not (tmp_path / "elsewhere").exists()


def write_private(file: Path, key: object, password: bytes | None = None) -> None:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    file.write_bytes(pem)


def test_what_is_no_key_is_refused_without_its_content(tmp_path: Path) -> None:
    write_private(tmp_path / "curve", ec.generate_private_key(ec.SECP384R1()))
    write_private(tmp_path / "locked", ec.generate_private_key(ec.SECP256R1()), b"password")
    (tmp_path / "text").write_text("hunter2 PRIVATE KEY")
    (tmp_path / "public").write_text("-----BEGIN PUBLIC KEY-----\nhunter2\n-----END PUBLIC KEY-----\n")
    for name in ("curve", "locked", "text", "public", "missing"):
        done = run("show", tmp_path / name)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert name in done.stderr
        assert "hunter2" not in done.stderr


def test_a_sec1_key_is_read_too(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (tmp_path / "sec1").write_bytes(pem)
    assert read_verify_key(tmp_path / "sec1").keyid == SigningKey(key).public.keyid


class Plant:
    """A folder with a bundle of version 7, its keys, and some to come."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("release", "assignment", "next", "another"):
            assert run("generate", folder / name).returncode == 0
        key = BundledKey.of
        self.bundle = KeyBundle(
            version=7,
            release_keys=(key(self.public("release")),),
            assignment_keys=(key(self.public("assignment")),),
        )
        self.current = folder / "keys.json"
        self.current.write_bytes(encode(self.bundle))

    def public(self, name: str) -> VerifyKey:
        return read_verify_key(self.folder / f"{name}.pub")

    def rotate(self, *more: str | Path, key: str = "release", out: str = "out") -> subprocess.CompletedProcess[str]:
        return run("rotate", self.current, "--key", self.folder / key, "--out", self.folder / out, *more)

    def add(self, role: str, name: str) -> list[str | Path]:
        return [f"--add-{role}", self.folder / f"{name}.pub"]

    def remove(self, role: str, name: str) -> list[str | Path]:
        return [f"--remove-{role}", self.public(name).keyid]

    def made(self, out: str = "out") -> tuple[KeyBundle, bytes]:
        folder = self.folder / out
        return decode(KeyBundle, (folder / "keys.json").read_bytes()), (folder / "keys.signed.json").read_bytes()


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def ids(*keys: VerifyKey) -> list[str]:
    return [each.keyid for each in keys]


def test_a_rotation_raises_the_version_and_devices_take_it(plant: Plant) -> None:
    done = plant.rotate(*plant.add("release", "next"))
    release, following = plant.public("release"), plant.public("next")
    assert done.returncode == 0, done.stderr
    said = f"version 8\nrelease {release.keyid} {following.keyid}\nassignment {plant.public('assignment').keyid}\n"
    assert done.stdout == said
    assert "fleet/v1/keys" in done.stderr
    bundle, message = plant.made()
    digest = hashlib.sha256(encode(plant.bundle)).hexdigest()
    accepted = verify_key_bundle(message, {release.keyid: release}, Seen(7, digest))
    assert (accepted.seen.number, accepted.unchanged) == (8, False)
    assert list(accepted.release_keys) == ids(release, following)
    assert accepted.seen.digest == hashlib.sha256(encode(bundle)).hexdigest()
    # And the firmware itself.
    known = Context(
        "now", "key-bundle", (read_signing_key(plant.folder / "release"),), seen_number=7, seen_digest=digest
    )
    ((verdict, *content),) = sanitized_core().ask([Question("j", (b"envelope", known.row().encode(), message))])
    assert verdict.startswith("Ok ")
    assert [line for line in content if line.startswith("release=")] == [
        f"release={each}" for each in bundle.trusted()[0]
    ]


def test_the_old_key_goes_with_the_next_rotation(plant: Plant) -> None:
    plant.rotate(*plant.add("release", "next"), out="first")
    plant.current = plant.folder / "first" / "keys.json"
    done = plant.rotate(*plant.remove("release", "release"), "--key", str(plant.folder / "next"), out="second")
    assert done.returncode == 0, done.stderr
    bundle, message = plant.made("second")
    assert (bundle.version, list(bundle.trusted()[0])) == (9, ids(plant.public("next")))
    # The old key signs too: a device that slept through version 8 follows.
    asleep = {plant.public("release").keyid: plant.public("release")}
    assert verify_key_bundle(message, asleep, Seen(7)).seen.number == 9


def test_the_operators_key_is_exchanged(plant: Plant) -> None:
    done = plant.rotate(*plant.add("assignment", "next"), *plant.remove("assignment", "assignment"))
    assert done.returncode == 0, done.stderr
    released, assigning = plant.made()[0].trusted()
    assert (list(released), list(assigning)) == (ids(plant.public("release")), ids(plant.public("next")))


def test_the_same_again_changes_nothing_and_another_one_is_refused(plant: Plant) -> None:
    plant.rotate(*plant.add("release", "next"))
    before = plant.made()
    assert plant.rotate(*plant.add("release", "next")).returncode == 0
    assert plant.made() == before
    done = plant.rotate(*plant.add("release", "another"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "exists with another content" in done.stderr
    assert plant.made() == before
    assert sorted(each.name for each in (plant.folder / "out").iterdir()) == ["keys.json", "keys.signed.json"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "nothing to change"),
        ("+release release", "in the bundle already"),
        ("-release next", "not in the bundle, which has"),
        ("-release release", "0 release keys would be left, where 1 to 4 are expected"),
        ("-assignment assignment", "0 assignment keys would be left"),
        ("-assignment release", "not in the bundle"),
        ("+release next +release next", "in the bundle already"),
    ],
)
def test_what_is_no_next_bundle_is_refused(plant: Plant, arguments: str, says: str) -> None:
    words = iter(arguments.split())
    given: list[str | Path] = []
    for word, name in zip(words, words, strict=True):
        given += (plant.add if word[0] == "+" else plant.remove)(word[1:], name)
    done = plant.rotate(*given)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert not (plant.folder / "out").exists()


@pytest.mark.parametrize("key", ["next", "assignment"])
def test_a_key_that_devices_do_not_trust_for_it_signs_nothing(plant: Plant, key: str) -> None:
    """Also not one that this very bundle adds, and not the operator's."""
    done = plant.rotate(*plant.add("release", "next"), key=key)
    assert (done.returncode, done.stdout) == (2, "")
    assert "devices would refuse it" in done.stderr
    assert "UnknownKey" in done.stderr
    assert plant.public("release").keyid in done.stderr
    assert not (plant.folder / "out").exists()


def test_four_keys_are_the_most(plant: Plant) -> None:
    for name in ("third", "fourth"):
        run("generate", plant.folder / name)
    more = [*plant.add("release", "next"), *plant.add("release", "another"), *plant.add("release", "third")]
    assert plant.rotate(*more, out="four").returncode == 0
    done = plant.rotate(*more, *plant.add("release", "fourth"))
    assert "5 release keys would be left, where 1 to 4 are expected" in done.stderr
    signers = [part for _ in range(4) for part in ("--key", str(plant.folder / "release"))]
    assert "5 keys to sign with, where 1 to 4 are expected" in plant.rotate(*more, *signers).stderr


def test_a_bundle_that_is_none_is_named(plant: Plant) -> None:
    text = plant.current.read_text()
    for content, says in (
        ("{}", "MissingField"),
        (text.replace(plant.public("release").keyid, "0" * 16), "OutOfRange"),
        (text.replace('"version":7', '"version":4294967295'), "is the last one there is"),
    ):
        plant.current.write_text(content)
        done = plant.rotate(*plant.add("release", "next"))
        assert (done.returncode, done.stdout) == (2, ""), content
        assert says in done.stderr
    plant.current.unlink()
    assert "keys.json: No such file" in plant.rotate(*plant.add("release", "next")).stderr
    assert not (plant.folder / "out").exists()
