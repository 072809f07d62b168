"""A pass of the planner costs so many times a plain look at every device, and no more (limits.json)."""

from __future__ import annotations

import json
from pathlib import Path

from scale.planning import measure

LIMITS = json.loads((Path(__file__).parent / "limits.json").read_text())["planning"]


def test_a_pass_stays_within_its_ratio_to_the_floor() -> None:
    measured = measure(LIMITS["n"])
    for name in ("steady_ratio", "rolling_ratio", "plan_bytes_per_device"):
        assert getattr(measured, name) <= LIMITS[name], measured
