"""kubectl on one cluster, whatever the user's environment says."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60.0


class RunKubectl(Protocol):
    """Runs kubectl on one cluster."""

    def __call__(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run it; text goes in and out."""
        ...


@dataclass(frozen=True)
class Kubectl:
    """Runs it as the user of one kubeconfig."""

    binary: Path
    kubeconfig: Path

    @property
    def environment(self) -> dict[str, str]:
        """What kubectl and those it calls find in their environment."""
        return os.environ | {
            "KUBECONFIG": str(self.kubeconfig),
            # The default, in the user's home, would be shared with the user's other clusters.
            "KUBECACHEDIR": str(self.kubeconfig.parent / "kubectl-cache"),
        }

    def __call__(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = _SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run it.

        Raises:
            DevclusterError: It failed and ``check`` is set, or took longer than ``timeout`` seconds; with its words.
        """
        what = f"kubectl {' '.join(arguments)}"
        try:
            done = subprocess.run(
                [self.binary, *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=self.environment,
            )
        except subprocess.TimeoutExpired as error:
            raise DevclusterError(f"{what}: no end after {timeout:.0f} s") from error
        if check and done.returncode != 0:
            raise DevclusterError(f"{what}: {done.stderr.strip() or done.stdout.strip()}")
        return done
