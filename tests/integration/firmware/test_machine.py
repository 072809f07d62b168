"""A device on its own machine: what it measures, what a fault does to it, and what it does about that."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgefleet.contracts import topics
from edgefleet.contracts.codec import decode
from edgefleet.contracts.desired import Settings
from edgefleet.contracts.features import MOTOR_LEVEL2
from edgefleet.contracts.telemetry import Telemetry
from integration.firmware.conftest import Board
from support import tinymodel
from support.broker import Broker
from support.link import Link
from support.mqtt import Client
from support.operator_client import OperatorClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.firmware.conftest import Platform

NAMES = [each.name for each in MOTOR_LEVEL2.features]
_SECONDS = 60.0


@pytest.fixture
def listener(platform: Platform, tmp_path: Path) -> Iterator[tuple[Platform, Client]]:
    """The platform with a broker that lets anybody read telemetry, and somebody who reads it."""
    broker = Broker(tmp_path / "broker", authority=platform.authority, changes={"acl_file": ""})
    identity = platform.authority.issue("edgefleet:listener", tmp_path / "listener")
    with (
        broker,
        OperatorClient(broker, broker.operator(tmp_path / "operator")) as operator,
        Client(broker.port, identity.client_context()) as client,
    ):
        client.subscribe(topics.TELEMETRY.filter())
        yield replace(platform, broker=broker, operator=operator), client


def await_features(client: Client, feature: str, least: float, most: float) -> dict[str, float]:
    """Wait for telemetry in which a feature is within bounds."""
    deadline = time.monotonic() + _SECONDS
    seen: list[float] = []
    while time.monotonic() < deadline:
        document = decode(Telemetry, client.take()[0].payload)
        assert document.features
        features = dict(zip(NAMES, document.features, strict=True))
        assert (features["current"], features["sound"]) == (document.current, document.sound)
        seen.append(features[feature])
        if least <= features[feature] <= most:
            return features
    raise AssertionError(f"{feature}: {seen}")


def test_a_fault_is_in_what_the_device_measures_and_closes_its_valve(
    listener: tuple[Platform, Client], tmp_path: Path
) -> None:
    platform, client = listener
    faults = tmp_path / "faults"
    link = Link(lambda: platform.registry.port)
    quick = Settings(sample_period_ms=100, telemetry_period_ms=100, anomaly_threshold=1.0)
    with link, Board(tmp_path / "board", "press-61", platform, link, faults=faults) as board:
        board.confirm(platform.publish(tinymodel.build(seed=61)), settings=quick)
        sound = await_features(client, "outerRace", 0, 0.03)
        assert 0.28 < sound["current"] < 0.40
        assert 35 < sound["temperature"] < 85
        assert 43 < sound["rotation"] < 49
        faults.write_text("bearing 0.6\n")
        worn = await_features(client, "outerRace", 20 * sound["outerRace"], 100)
        assert worn["highBand"] > 5 * sound["highBand"]
        faults.unlink()
        assert await_features(client, "outerRace", 0, 0.03)["highBand"] < 1.5 * sound["highBand"]
        assert "valve: closed" not in board.said()  # no score is above one
        board.assign(None, settings=quick.model_copy(update={"anomaly_threshold": 0.0}))
        board.await_said("valve: closed")
        assert await_features(client, "rotation", sound["rotation"] + 1, 50)["current"] < sound["current"]
