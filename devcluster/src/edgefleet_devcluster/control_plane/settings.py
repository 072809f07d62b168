"""What the last start of a control plane chose, for whoever asks or starts it next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from edgefleet_devcluster.pki import write_private

if TYPE_CHECKING:
    from pathlib import Path

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"


@dataclass(frozen=True)
class Settings:
    """The API server's port and the programs that belong to the control plane."""

    port: int = 0
    programs: tuple[str, ...] = (ETCD, API_SERVER)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what the file says; the defaults when there is none or it is damaged."""
        try:
            found = json.loads(path.read_text())
            return cls(int(found["port"]), tuple(found["programs"]))
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_private(path, json.dumps(asdict(self)).encode())
