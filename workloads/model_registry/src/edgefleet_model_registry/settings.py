"""What the environment decides, read once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MIB: Final = 2**20
_PORT_MAX: Final = 65535


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable."""


@dataclass(frozen=True)
class Settings:
    """Where everything is, and how much is allowed.

    Attributes:
        tls: folder with ca.crt, tls.crt and tls.key.
        upload_token_file: file with the token that writers present.
        release_keys: folder of *.pem, one public key (SPKI) each.
        store: folder of the files; the only place that is written to.
        host: address to listen on.
        port: TCP port; 0 lets the system choose.
        blob_max_bytes: size of the largest blob.
        requests_max: requests that may be in progress at once.
    """

    tls: Path
    upload_token_file: Path
    release_keys: Path
    store: Path
    host: str
    port: int
    blob_max_bytes: int
    requests_max: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: a value that is no number or out of its bounds.
        """
        return cls(
            tls=Path(environment.get("EDGEFLEET_TLS", "/etc/edgefleet/tls")),
            upload_token_file=Path(environment.get("EDGEFLEET_UPLOAD_TOKEN_FILE", "/etc/edgefleet/upload/token")),
            release_keys=Path(environment.get("EDGEFLEET_RELEASE_KEYS", "/etc/edgefleet/release-keys")),
            store=Path(environment.get("EDGEFLEET_STORE", "/var/lib/model-registry")),
            host=environment.get("EDGEFLEET_HOST", "0.0.0.0"),  # noqa: S104 - a pod has nothing else to listen on
            port=_number(environment, "EDGEFLEET_PORT", 8443, least=0, most=_PORT_MAX),
            blob_max_bytes=_number(environment, "EDGEFLEET_BLOB_MAX_BYTES", 64 * _MIB, least=1, most=2**31 - 1),
            requests_max=_number(environment, "EDGEFLEET_REQUESTS_MAX", 512, least=1, most=_PORT_MAX),
        )


def _number(environment: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise SettingsError(f"{name}: a whole number from {least} to {most} is expected")
    return int(text)
