"""The release keys whose signatures count: a folder of PEM files, as a ConfigMap is mounted."""

import logging
from pathlib import Path
from typing import Final

from edgefleet.contracts.keys import TrustedKeys, VerifyKey, trust
from edgefleet_model_registry.mounts import Mounted

_log: Final = logging.getLogger(__name__)


def watch_release_keys(folder: Path) -> Mounted[TrustedKeys]:
    """Return the keys of a folder, read again whenever it changes. A file that is no key is skipped and logged."""
    return Mounted(lambda: _files(folder), lambda: _load(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pem"))


def _load(folder: Path) -> TrustedKeys:
    keys: list[VerifyKey] = []
    for path in _files(folder):
        try:
            keys.append(VerifyKey.from_pem(path.read_bytes()))
        except (OSError, ValueError) as error:
            _log.error("release key %s is not trusted: no public P-256 key in PEM: %s", path.name, error)
    if not keys:
        _log.warning("no release key is trusted: every manifest will be refused")
    return trust(keys)
