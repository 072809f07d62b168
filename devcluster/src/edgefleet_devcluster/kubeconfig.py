"""Kubeconfig files, complete in themselves: the certificates are inside, so one file can be copied alone."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from edgefleet_devcluster.pki import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_devcluster.pki import Pair


def write(path: Path, *, server: str, context: str, authority: Pair, client: Pair) -> None:
    """Write the kubeconfig of one user of one cluster, its context selected.

    It is written as JSON, which is YAML too, and needs no YAML library here.
    """
    user = f"{context}-{client.name}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [
            {
                "name": context,
                "cluster": {"server": server, "certificate-authority-data": _encoded(authority.certificate)},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(client.certificate),
                    "client-key-data": _encoded(client.key),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
    }
    write_private(path, json.dumps(document, indent=2).encode() + b"\n")


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
