"""Waits for CRDs."""

import json
import time

import pytest

from support.controlplane import Kubectl


def wait_established(kubectl: Kubectl, *names: str, seconds: float = 30.0) -> None:
    """Returns when every CRD is served; `kubectl wait` itself fails on one so fresh that it has no conditions."""
    end = time.monotonic() + seconds
    waiting = set(names)
    while waiting:
        for name in sorted(waiting):
            status = json.loads(kubectl("get", "crd", name, "-o", "json").stdout).get("status", {})
            conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
            if conditions.get("Established") == "True":
                waiting.discard(name)
        if time.monotonic() > end:
            pytest.fail(f"not Established within {seconds:.0f} s: {', '.join(sorted(waiting))}")
        time.sleep(0.1)
