"""The address of an API server, so that a test can put something in between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Reach:
    """The API server: its kubeconfig and its address."""

    kubeconfig: Path
    host: str
    port: int
    folder: Path

    def through(self, port: int) -> Path:
        """Return a kubeconfig that goes through a proxy on this machine."""
        document: dict[str, Any] = json.loads(self.kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        cluster["server"] = f"https://127.0.0.1:{port}"
        cluster["tls-server-name"] = self.host
        path = self.folder / f"through-{port}.kubeconfig"
        path.write_text(json.dumps(document))
        return path
