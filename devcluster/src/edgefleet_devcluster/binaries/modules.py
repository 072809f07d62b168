"""The source of a component set's module, as Go's module cache has it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster.binaries.sources import GoSource, go_environment
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from edgefleet_devcluster.binaries.components import ComponentSet


def fetch(components: ComponentSet) -> Path:
    """Return the folder with the source of the set's module at the pinned version, downloaded if it is missing.

    It is in Go's module cache: everyone's, and read-only. Its content was checked against go.sum when it came.

    Args:
        components: The set, such as ``component("source-controller").set``.

    Raises:
        DevclusterError: go.sum does not have it, Go is missing, or the module could not be downloaded.
    """
    pinned = f"{components.module} {components.version} h1:"
    go_sum = components.directory / "go.sum"
    # Go would add the line that is missing.
    if not any(line.startswith(pinned) for line in go_sum.read_text().splitlines()):
        raise DevclusterError(
            f"{go_sum} does not pin {components.module} {components.version}: run `go mod tidy` there"
        )
    done = subprocess.run(
        [GoSource().toolchain(components).go, "mod", "download", "-json", components.module],
        cwd=components.directory,
        env=go_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"Error": done.stderr}
    if done.returncode != 0 or "Error" in answer:
        reason = " ".join(str(answer.get("Error", done.stderr)).split())
        raise DevclusterError(
            f"the source of {components.module} {components.version} is not to be had: {reason}; "
            "check the network and `go env GOPROXY`"
        )
    return Path(answer["Dir"])
