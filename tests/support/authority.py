"""A fleet's authority for tests: the one that bootstrap makes, writing what it signs as Secrets and devices have it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from edgefleet.provisioning import authority
from edgefleet.provisioning.authority import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A folder with ca.crt, <stem>.crt and <stem>.key (PEM, PKCS #8), as a Secret or a device's folder holds them."""

    folder: Path
    stem: str = "tls"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.stem}.crt"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.stem}.key"

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this CA alone and proves this identity."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(str(self.certificate), str(self.key))
        return context


class Authority:
    """A CA of its own; each instance is another fleet."""

    def __init__(self) -> None:
        self._authority = authority.Authority.create(datetime.now(UTC))
        self.certificate: Final = self._authority.certificate

    @property
    def pem(self) -> bytes:
        """The CA's certificate."""
        return self._authority.pair.certificate

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The CA's key, for whoever signs what `issue` does not."""
        return authority.read_key(self._authority.pair.key)

    def issue(
        self,
        common_name: str,
        folder: Path,
        *,
        dns: Iterable[str] = (),
        ips: Iterable[str] = (),
        client: bool = True,
        server: bool = False,
        stem: str = "tls",
        expired: bool = False,
        early: bool = False,
    ) -> Identity:
        """Write a certificate and its key to a folder, over what is there: a server's with names, else a client's.

        An expired one ended yesterday, an early one begins in two days.
        """
        hosts = (*dns, *ips)
        assert (bool(hosts), not hosts) == (server, client), "a certificate is a server's, with names, or a client's"
        made = datetime.now(UTC) + (early - expired) * 2 * _A_DAY
        pair = self._authority.issue(Subject(common_name, hosts), made, valid=_A_DAY)
        folder.mkdir(parents=True, exist_ok=True)
        identity = Identity(folder, stem)
        identity.ca.write_bytes(self.pem)
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(pair.key)
        identity.certificate.write_bytes(pair.certificate)
        return identity


def make_key(private: Path) -> Path:
    """Write a P-256 key pair: `private` (PKCS #8 PEM) and `private`.pub (SPKI PEM); return the public one's path."""
    key = authority.make_key()
    private.parent.mkdir(parents=True, exist_ok=True)
    private.touch(mode=0o600)
    private.write_bytes(authority.key_to_pem(key))
    public = private.with_name(f"{private.name}.pub")
    public.write_bytes(authority.public_to_pem(key.public_key()))
    return public
