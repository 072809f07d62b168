"""The longest device tests: power fails at every byte that is programmed, in every part of an erase, and twice."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.agent_core import UPDATES, build_agent_check, run_agent_check
from support.contract_core import FIRMWARE

STORIES = (
    "an-update",
    "a-resumed-download",
    "a-crashing-model",
    "a-failing-model",
    "a-first-install",
    "a-switch-back",
    "a-key-rotation",
)
TESTS = tuple(f"power-fails-{how}-{story}" for story in STORIES for how in ("at-every-byte-of", "twice-in"))
PROCESSES = 2


@pytest.mark.slow
def test_a_device_survives_a_power_cut_at_every_byte_and_two_at_every_operation(tmp_path: Path) -> None:
    # The sanitizers have seen every operation cut already (make firmware-test); here it is every byte, so it is fast.
    program = build_agent_check(FIRMWARE, tmp_path, ("SANITIZE=", "OPTIMISE=-O2"))
    with ThreadPoolExecutor(PROCESSES) as pool:
        runs = list(pool.map(lambda test: run_agent_check(program, UPDATES, test, limit=1800), TESTS))
    for run in runs:
        assert run.returncode == 0, run.stdout + run.stderr
        assert "1 device tests, 0 failed" in run.stdout
    cuts = sum(int(found) for run in runs for found in re.findall(r"power cuts, .*: (\d+)", run.stdout))
    sys.stdout.write(f"power failed {cuts} times\n")
    assert cuts > 150_000
