"""How to reach the cluster's Git server, and who may push to it."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefleet_devcluster.addons.rendering import ADDON, MANAGED_BY, MANAGER
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from edgefleet_devcluster.addons.rendering import Object
    from edgefleet_devcluster.kubectl import RunKubectl

NAMESPACE = "git"
NODE_PORT = 30080
"""Where every node forwards to it, for who is outside of the cluster."""
_SECRET = "git-server-push"  # noqa: S105 - the Secret's name
_USER = "edgefleet"


@dataclass(frozen=True)
class Credentials:
    """Who may push."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def generate(cls) -> Credentials:
        """Return new ones."""
        return cls(_USER, secrets.token_urlsafe(24))

    @classmethod
    def find(cls, kubectl: RunKubectl) -> Credentials | None:
        """Return those of the cluster; None if it has none, or no usable ones."""
        arguments = ["get", "secret", _SECRET, f"--namespace={NAMESPACE}", "--ignore-not-found", "--output=json"]
        done = kubectl(*arguments, check=False)
        if done.returncode != 0:
            raise DevclusterError(f"cannot read the Git server's Secret: {done.stderr.strip()}")
        data = json.loads(done.stdout or "{}").get("data") or {}
        try:
            values = {key: base64.b64decode(data[key], validate=True).decode() for key in ("username", "password")}
        except (KeyError, ValueError):
            return None
        return cls(**values) if all(values.values()) else None

    def secret(self) -> Object:
        """Return the Secret: `kubernetes.io/basic-auth`, and the same as lines of the Git server's file of users."""
        values = {
            "username": self.username,
            "password": self.password,
            "users": f"{self.username}:{self.password}\n",
        }
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": _SECRET,
                "namespace": NAMESPACE,
                "labels": {MANAGED_BY: MANAGER, ADDON: "git-server"},
            },
            "type": "kubernetes.io/basic-auth",
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
        }

    def environment(self, remote: str) -> dict[str, str]:
        """Return the environment in which git pushes to ``remote`` without asking.

        So the password stands neither in a URL, which git writes into files, nor on a command line.
        """
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{remote}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
            "GIT_TERMINAL_PROMPT": "0",
        }


def address(repository: str) -> str:
    """Return the repository's URL inside the cluster."""
    return f"http://git-server.{NAMESPACE}.svc.cluster.local/{repository}.git"


def remote(node_address: str, repository: str) -> str:
    """Return the repository's URL for who reaches a node."""
    return f"http://{node_address}:{NODE_PORT}/{repository}.git"
