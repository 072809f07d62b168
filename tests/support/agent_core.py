"""The firmware's agent with doubles of a board, built here: see firmware/tests/agent."""

import functools
import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from support.contract_core import FIRMWARE, ROOT, build

UPDATES = ROOT / "tests" / "golden" / "updates"


def build_agent_check(firmware: Path, folder: Path, variables: Sequence[str] = ()) -> Path:
    """Build agent_check from a firmware tree into a folder and return the program.

    Raises:
        AssertionError: make failed; its output says why.
    """
    program = folder / "agent_check"
    build(firmware, folder, (*variables, str(program)))
    return program


@functools.cache
def sanitized_agent_check() -> Path:
    """The program with AddressSanitizer and UndefinedBehaviorSanitizer."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    checkout = hashlib.sha256(str(FIRMWARE).encode()).hexdigest()[:12]  # two checkouts share no objects
    return build_agent_check(FIRMWARE, cache / "edgefleet" / "firmware" / checkout)


def run_agent_check(program: Path, *arguments: str | Path, limit: float = 300) -> subprocess.CompletedProcess[str]:
    """Run it; a seeded bug may make it wait for ever, hence the limit in seconds."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=limit)
