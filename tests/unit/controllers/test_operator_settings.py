"""The operator's environment variables: what is missing or wrong is named, and the chart's default is the program's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgefleet.entrypoints.assembly import COMMANDS_PER_MINUTE, Settings

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "edgefleet"
LEAST = {"EDGEFLEET_BROKER": "broker:8883", "EDGEFLEET_REGISTRY": "https://registry:8443"}


def test_the_least_that_must_be_set_is_enough() -> None:
    settings = Settings.read(LEAST)
    assert (settings.broker, settings.commands_per_minute) == (("broker", 8883), COMMANDS_PER_MINUTE)
    assert Settings.read(LEAST | {"EDGEFLEET_COMMANDS_PER_MINUTE": "60"}).commands_per_minute == 60


@pytest.mark.parametrize("rate", ["0", "-1", "1.5", "many", "", "1000001", "٣"])
def test_a_rate_that_is_none_is_named(rate: str) -> None:
    with pytest.raises(ValueError, match="EDGEFLEET_COMMANDS_PER_MINUTE must be a whole number from 1 to 1000000"):
        Settings.read(LEAST | {"EDGEFLEET_COMMANDS_PER_MINUTE": rate})


def test_the_chart_says_the_same_default() -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text())["operator"]["commandsPerMinute"] == COMMANDS_PER_MINUTE
