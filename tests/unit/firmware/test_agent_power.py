"""The longest device test: power fails at every byte that an update programs and in every part of an erase."""

from pathlib import Path

import pytest

from support.agent_core import UPDATES, build_agent_check, run_agent_check
from support.contract_core import FIRMWARE

TEST = "power-fails-at-every-byte-of-an-update"


@pytest.mark.slow
def test_an_update_survives_a_power_cut_at_every_byte(tmp_path: Path) -> None:
    # The sanitizers have seen every operation cut already (make firmware-test); here it is every byte, so it is fast.
    program = build_agent_check(FIRMWARE, tmp_path, ("SANITIZE=", "OPTIMISE=-O2"))
    done = run_agent_check(program, UPDATES, TEST, limit=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 device tests, 0 failed" in done.stdout
