"""A plant as manifests and as a snapshot of a cluster, for every verb that looks ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.fleets import to_yaml
from support.live_fleet import live, plant, to_snapshot

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """1.0.0 and 1.1.0, declared."""
    made = tmp_path / "fleet"
    made.mkdir()
    (made / "fleet.yaml").write_bytes(to_yaml(tuple(plant("1.0.0", "1.1.0"))))
    return made


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A plant on 1.0.0."""
    made = tmp_path / "live.json"
    made.write_text(to_snapshot(live(plant("1.0.0"))))
    return made
