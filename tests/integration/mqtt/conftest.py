"""A broker of each test's own: most of them stop it, or leave something in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.broker import Broker
from support.gateways import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    broker = Broker(tmp_path / "broker")
    fleet = Fleet(broker, tmp_path)
    with broker:
        yield fleet
