"""The user's own cluster, chosen by EDGEFLEET_CONTEXT; a kubeconfig alone never selects one."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.processes import python_module

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "EDGEFLEET_CONTEXT"
_SECONDS = 30.0
_LOADERS = {
    "kind-": ("kind", "load", "image-archive", "{archive}", "--name", "{cluster}"),
    "devcluster-": (*python_module("edgefleet_devcluster"), "load-image", "--name", "{cluster}", "{archive}"),
    "k3d-": ("k3d", "image", "import", "{archive}", "--cluster", "{cluster}"),
}
"""Prefix of a context -> how its nodes get an image."""


@dataclass(frozen=True)
class ChosenCluster:
    """A cluster that is not ours: looked at and used, never started or stopped."""

    context: str

    @classmethod
    def find(cls) -> ChosenCluster | None:
        """Return the one that the environment names, if it names one."""
        context = os.environ.get(VARIABLE)
        return cls(context) if context else None

    def check(self) -> str:
        """Return what its API server says of its version.

        Raises:
            DevclusterError: The kubeconfig has no such context, or nobody answers.
        """
        done = self._kubectl("version", "--output=json", f"--request-timeout={_SECONDS:.0f}s")
        if done.returncode != 0:
            raise DevclusterError(
                f"{VARIABLE} is {self.context!r}, which does not answer ({' '.join(done.stderr.split())}): "
                f"start that cluster, correct the name (`kubectl config get-contexts`), or unset {VARIABLE}"
            )
        return json.loads(done.stdout)["serverVersion"]["gitVersion"]

    def load(self, archive: Path) -> None:
        """Bring an image onto its nodes.

        Raises:
            DevclusterError: Its kind of cluster is unknown, or its tool failed.
        """
        for prefix, command in _LOADERS.items():
            if self.context.startswith(prefix):
                cluster = self.context.removeprefix(prefix)
                done = subprocess.run(
                    [part.format(archive=archive, cluster=cluster) for part in command],
                    capture_output=True,
                    text=True,
                    check=False,
                    env={name: value for name, value in os.environ.items() if name != VARIABLE},
                )
                if done.returncode != 0:
                    raise DevclusterError(
                        f"{archive} could not be loaded into {self.context!r}: {' '.join(done.stderr.split())}"
                    )
                return
        raise DevclusterError(
            f"nothing is known of loading images into {self.context!r}: push them to a registry that its nodes reach"
        )

    def _kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        binary = build.ensure(["kubectl"])["kubectl"]
        command = [binary, f"--context={self.context}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)
