"""`edgefleet keys` as a person runs it."""

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.keys import SigningKey
from edgefleet.publication.key_files import read_signing_key, read_trusted_keys, read_verify_key
from support.commandline import run_edgefleet


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
