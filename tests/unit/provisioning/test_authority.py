"""Certificates: what OpenSSL makes of them, whom they name, and how long they hold."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from edgefleet.provisioning.authority import (
    Authority,
    Subject,
    common_name,
    hosts_of,
    key_to_pem,
    make_key,
    read_certificate,
    read_host,
    read_key,
    read_public_key,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTS = ("edgefleet-broker", "fleet.example.org", "10.0.0.1", "fd00::1")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(NOW)


def verify(tmp_path: Path, authority: Authority, certificate: bytes, purpose: str, *more: str) -> bool:
    (tmp_path / "ca.crt").write_bytes(authority.pair.certificate)
    (tmp_path / "it.crt").write_bytes(certificate)
    at = str(int((NOW + timedelta(hours=1)).timestamp()))
    command = ["openssl", "verify", "-x509_strict", "-attime", at, "-purpose", purpose, "-CAfile", tmp_path / "ca.crt"]
    return subprocess.run([*command, *more, tmp_path / "it.crt"], capture_output=True, check=False).returncode == 0


def test_a_devices_certificate_is_a_clients_and_nothing_else(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue(Subject("press-07"), NOW)
    assert verify(tmp_path, authority, pair.certificate, "sslclient")
    assert not verify(tmp_path, authority, pair.certificate, "sslserver")
    assert not verify(tmp_path, Authority.create(NOW), pair.certificate, "sslclient")


def test_a_servers_certificate_is_for_its_names_and_nothing_else(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue(Subject("edgefleet:broker", HOSTS), NOW)
    assert not verify(tmp_path, authority, pair.certificate, "sslclient")
    for option, name in (("hostname", HOSTS[0]), ("hostname", HOSTS[1]), ("ip", HOSTS[2]), ("ip", HOSTS[3])):
        assert verify(tmp_path, authority, pair.certificate, "sslserver", f"-verify_{option}", name)
    assert not verify(tmp_path, authority, pair.certificate, "sslserver", "-verify_hostname", "other.example.org")
    assert hosts_of(read_certificate(pair.certificate)) == set(HOSTS)


def test_neither_signs_another_certificate(tmp_path: Path, authority: Authority) -> None:
    for subject in (Subject("press-07"), Subject("edgefleet:broker", HOSTS)):
        pair = authority.issue(subject, NOW)
        forger = Authority(read_certificate(pair.certificate), read_key(pair.key))
        forged = forger.issue(Subject("press-08"), NOW)
        (tmp_path / "between.crt").write_bytes(pair.certificate)
        between = ("-untrusted", str(tmp_path / "between.crt"))
        assert not verify(tmp_path, authority, forged.certificate, "sslclient", *between)


def test_what_a_certificate_says(authority: Authority) -> None:
    certificate = read_certificate(authority.issue(Subject("press-07"), NOW).certificate)
    assert common_name(certificate) == "press-07"
    assert certificate.not_valid_before_utc < NOW
    assert timedelta(days=365) <= certificate.not_valid_after_utc - NOW <= timedelta(days=367)
    assert timedelta(days=3650) <= authority.certificate.not_valid_after_utc - NOW
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert hosts_of(certificate) == frozenset()
    # Python 3.13 asks for both.
    assert certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_serials_and_keys_are_never_the_same_again(authority: Authority) -> None:
    pairs = [authority.issue(Subject("press-07"), NOW) for _ in range(8)]
    assert len({read_certificate(pair.certificate).serial_number for pair in pairs}) == len(pairs)
    assert len({pair.key for pair in pairs}) == len(pairs)


def test_a_certificate_never_outlives_its_authority(authority: Authority) -> None:
    late = authority.certificate.not_valid_after_utc - timedelta(days=10)
    certificate = read_certificate(authority.issue(Subject("press-07"), late).certificate)
    assert certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_a_key_that_is_there_is_kept(authority: Authority) -> None:
    key = make_key()
    pair = authority.issue(Subject("press-07"), NOW, key=key)
    assert pair.key == key_to_pem(key)
    assert read_certificate(pair.certificate).public_key() == key.public_key()


def test_it_knows_its_own_signatures(authority: Authority) -> None:
    pair = authority.issue(Subject("press-07"), NOW)
    assert authority.signed(read_certificate(pair.certificate))
    assert not Authority.create(NOW).signed(read_certificate(pair.certificate))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Fleet.Example.org", "fleet.example.org"),
        ("10.0.0.1", "10.0.0.1"),
        ("FD00:0:0::1", "fd00::1"),
        ("node1", "node1"),
    ],
)
def test_a_host_is_written_in_one_way(text: str, read: str) -> None:
    assert read_host(text) == read


@pytest.mark.parametrize("text", ["", "a b", "https://x", "x:8883", "-x", "x.", "*.x", "x" * 64, "ä.de", "x\n"])
def test_what_is_no_host_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a DNS name nor an IP address"):
        read_host(text)


@pytest.mark.parametrize("read", [read_certificate, read_key, read_public_key])
@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_pem_is_refused_in_one_line(read: object, pem: bytes) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=r"^not an? [^\n]+$"):
        read(pem)
