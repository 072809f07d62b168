"""The files by which this process proves its name, and by which it knows the fleet's servers."""

import errno
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A client certificate and the authority that signed it and its peers' (PEM).

    Attributes:
        ca: the fleet's authority; no other is trusted.
        cert: the client certificate; its common name is the identity.
        key: the private key.
    """

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Return the files of a mounted TLS Secret: ca.crt, tls.crt, tls.key."""
        return cls(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")

    def context(self) -> ssl.SSLContext:
        """Read the files: each connection is made with those that are there now.

        Raises:
            OSError: names the file that is missing, or is not what it should be.
        """
        return client_context(self.ca, self.cert, self.key)


class CurrentContext:
    """A context that follows its files when they are renewed."""

    def __init__(self, ca: Path, cert: Path | None = None, key: Path | None = None) -> None:
        """Read nothing yet; without a certificate, nothing is proven to the server."""
        self._files = (ca, cert, key)
        self._seen: list[tuple[int, int]] = []
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        """Return the context of the files as they are now.

        Raises:
            OSError: names the file that is missing, or is not what it should be.
        """
        found = [(state.st_mtime_ns, state.st_ino) for path in self._files if path for state in (path.stat(),)]
        if self._context is None or found != self._seen:
            self._context = client_context(*self._files)
            self._seen = found
        return self._context


def client_context(ca: Path, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts one authority and, with a certificate, shows it.

    Raises:
        OSError: names the file that is missing, or is not what it should be.
    """
    for path in (ca, cert, key):
        if path is not None and not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "no such TLS file", str(path))
    at = ca
    try:
        context = ssl.create_default_context(cafile=str(ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert is not None:
            at = cert
            context.load_cert_chain(str(cert), str(key) if key else None)
    except ssl.SSLError as error:
        raise OSError(errno.EINVAL, f"not PEM, or not a pair ({error.reason})", str(at)) from None
    return context
