"""The TLS side of the server: its certificate, renewed while it runs, and what it demands of clients."""

import ssl
from pathlib import Path
from typing import Final

from edgefleet_model_registry.mounts import Mounted

# TLS 1.2 is for microcontrollers; of its suites, those with forward secrecy and authenticated encryption.
_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Certificates:
    """A server context that takes up a renewed certificate for the connections to come."""

    def __init__(self, folder: Path) -> None:
        """Load ca.crt, tls.crt and tls.key.

        Raises:
            OSError: a file is missing or unusable (ssl.SSLError is one); the message names which.
        """
        self._files = [folder / name for name in ("ca.crt", "tls.crt", "tls.key")]
        self.context: Final = _make_context()
        self._loaded = Mounted(lambda: self._files, self._load)

    def refresh(self) -> None:
        """Load the files again if they changed; unusable ones leave the old certificate in force.

        A certificate added to ca.crt is trusted from then on; one that was taken out is trusted until a restart.
        """
        self._loaded.get()

    def _load(self) -> None:
        # A context of which only half could be loaded would serve nobody, so another one goes first.
        for context in (_make_context(), self.context):
            self._fill(context)

    def _fill(self, context: ssl.SSLContext) -> None:
        ca, certificate, key = self._files
        for path in self._files:
            if not path.is_file():
                raise FileNotFoundError(f"{path}: no such file")
        try:
            context.load_verify_locations(str(ca))
            context.load_cert_chain(str(certificate), str(key))
        except ssl.SSLError as error:
            files = ", ".join(path.name for path in self._files)
            raise ValueError(f"{ca.parent}: {files} are unusable or do not belong together: {error.reason}") from error


def _make_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.set_alpn_protocols(["http/1.1"])
    # Without a certificate the token may still let a client in; a wrong certificate fails here and now.
    context.verify_mode = ssl.CERT_OPTIONAL
    # No resumption: every connection proves its key again.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    return context
