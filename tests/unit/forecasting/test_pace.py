"""What an update costs, in the firmware's own figures."""

import re
from pathlib import Path

import pytest

from edgefleet.domain.device.compatibility import Needs
from edgefleet.domain.rollout.facts import Artifact
from edgefleet.forecasting.pace import SECTOR_BYTES, Pace, find_cost

FIRMWARE = Path(__file__).parents[3] / "firmware"


def make_artifact(size: int, manifest: int = 1_300) -> Artifact:
    return Artifact("a" * 64, "b" * 64, manifest, Needs(size_bytes=size))


def test_the_sector_is_the_firmwares() -> None:
    header = (FIRMWARE / "hal" / "include" / "edgefleet" / "hal_flash.h").read_text()
    found = re.search(r"#define EF_FLASH_SECTOR (\w+)", header)
    assert found
    assert int(found[1].removesuffix("u"), 0) == SECTOR_BYTES


@pytest.mark.parametrize(
    ("size", "manifest", "sectors"),
    [(1, 2, 4), (4_096, 1_300, 4), (4_097, 1_300, 5), (5_832, 4_097, 7), (5_832, 6_000, 8), (65_536, 16_384, 26)],
)
def test_a_model_costs_its_sectors_and_its_manifest_those_of_the_inbox_of_its_slot_and_of_its_payload(
    size: int, manifest: int, sectors: int
) -> None:
    assert find_cost(make_artifact(size, manifest), Pace(), kept=False).sectors == sectors


def test_a_download_takes_its_bytes_and_the_rest_of_the_update_its_time() -> None:
    cost = find_cost(make_artifact(30_700, 1_300), Pace(bandwidth=3_200, update_seconds=5), kept=False)
    assert (cost.model_bytes, cost.manifest_bytes, cost.bytes, cost.seconds) == (30_700, 1_300, 32_000, 15.0)


def test_a_switch_back_costs_no_air_and_of_flash_only_the_payload_that_is_read() -> None:
    cost = find_cost(make_artifact(30_700), Pace(update_seconds=5), kept=True)
    assert (cost.bytes, cost.sectors, cost.seconds) == (0, 1, 5)
