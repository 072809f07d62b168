from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edgefleet_devcluster.pki import Authority, Subject

if TYPE_CHECKING:
    from pathlib import Path

SERVER = Subject("kube-apiserver", hosts=("localhost", "127.0.0.1"))
ADMIN = Subject("admin", groups=("system:masters",))


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    authority.issue("server", SERVER)
    authority.service_account_key()
    files = list((tmp_path / "pki").iterdir())
    assert len(files) == 6
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_server_certificate_names_its_hosts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = read(authority.issue("server", SERVER).certificate)
    certificate.verify_directly_issued_by(read(authority.pair.certificate))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    validity = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=365) <= validity < timedelta(days=366)


def test_a_client_certificate_names_user_and_groups_and_serves_nothing(tmp_path: Path) -> None:
    certificate = read(Authority(tmp_path).issue("admin", ADMIN).certificate)
    names = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert names == {NameOID.ORGANIZATION_NAME: "system:masters", NameOID.COMMON_NAME: "admin"}
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_what_fits_is_kept(tmp_path: Path) -> None:
    def everything() -> dict[str, bytes]:
        authority = Authority(tmp_path)
        authority.issue("server", SERVER)
        authority.issue("admin", ADMIN)
        authority.service_account_key()
        return {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    assert everything() == everything()


@pytest.mark.parametrize(
    "other",
    [Subject("kube-apiserver", hosts=("localhost", "127.0.0.1", "192.0.2.7")), Subject("other", hosts=SERVER.hosts)],
    ids=["another address", "another name"],
)
def test_a_certificate_for_another_subject_is_replaced(tmp_path: Path, other: Subject) -> None:
    before = read(Authority(tmp_path).issue("server", SERVER).certificate)
    after = read(Authority(tmp_path).issue("server", other).certificate)
    assert after != before
    assert after.subject == other.x509_name


def test_all_is_renewed_a_month_before_the_end_but_tokens_stay_valid(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=340)
    old = Authority(tmp_path, now=long_ago)
    certificate = read(old.issue("admin", ADMIN).certificate)
    service_accounts = old.service_account_key().key.read_bytes()

    new = Authority(tmp_path)
    renewed = read(new.issue("admin", ADMIN).certificate)
    assert renewed.not_valid_after_utc - certificate.not_valid_after_utc > timedelta(days=330)
    renewed.verify_directly_issued_by(read(new.pair.certificate))
    assert new.service_account_key().key.read_bytes() == service_accounts


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_certificate_is_replaced(tmp_path: Path, damage: bytes) -> None:
    pair = Authority(tmp_path).issue("admin", ADMIN)
    pair.certificate.write_bytes(damage)
    assert read(Authority(tmp_path).issue("admin", ADMIN).certificate).subject == ADMIN.x509_name
