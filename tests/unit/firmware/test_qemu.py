"""The core on rv32imac and Cortex-M3, without an operating system: what holds on x86-64 holds there, or is noticed."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.contract_core import FIRMWARE, VECTORS
from support.cross_core import PROCESSORS, build, cache_folder, run

LISTED = len((VECTORS / "index.tsv").read_text().splitlines()) - 1


@pytest.fixture(scope="module")
def programs() -> Path:
    return build(
        FIRMWARE, cache_folder(), [f"{each}/{name}.elf" for each in PROCESSORS for name in ("board", "vectors")]
    )


@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_device_keeps_its_promises(programs: Path, processor: str) -> None:
    done = run(programs, processor, "board")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = re.findall(r"^ok   (.+)$", done.stdout, re.MULTILINE)
    assert len(kept) > 20
    assert {"a tampered manifest is rejected", "a tampered model does not run", "the security floor holds"} < set(kept)
    cuts = re.search(r"^ +(\d+) operations$", done.stdout, re.MULTILINE)
    assert cuts is not None
    assert int(cuts[1]) > 20


@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_golden_vector_gets_its_verdict(programs: Path, processor: str) -> None:
    done = run(programs, processor, "vectors", files=VECTORS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{LISTED} vectors, 0 failed\n"


@dataclass(frozen=True)
class Bug:
    """A mistake in the core and the promise that it breaks on the board."""

    name: str
    file: str
    good: str
    bad: str
    part: str
    promise: str


BUGS = (
    Bug(
        "any-signature",
        "ef_dsse.c",
        "psa_verify_hash(",
        "0 * psa_verify_hash(",
        "promises",
        "a tampered manifest is rejected",
    ),
    Bug(
        "any-generation",
        "ef_verify.c",
        "offered->number < seen->number ||",
        "",
        "promises",
        "a replayed generation is refused",
    ),
    Bug(
        "active-before-valid",
        "ef_model.c",
        "!ef_slot_set(agent, update->target, EF_SLOT_VALID) || !ef_slot_activate(agent, update->target)",
        "!ef_slot_activate(agent, update->target) || !ef_slot_set(agent, update->target, EF_SLOT_VALID)",
        "cuts",
        "power fails in the middle of each flash operation of an update",
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_breaks_a_promise(bug: Bug, tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("build"))
    shutil.copytree(FIRMWARE.parent / "scripts", tmp_path / "scripts")
    source = firmware / "core" / "src" / bug.file
    text = source.read_text()
    assert text.count(bug.good) == 1, "the seeded bug no longer fits the source"
    source.write_text(text.replace(bug.good, bug.bad))
    folder = build(firmware, tmp_path / "build", ["rv32imac/board.elf"], ["WARNINGS=-w"])
    done = run(folder, "rv32imac", "board", bug.part)
    assert done.returncode == 1
    assert f"FAIL {bug.promise}" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_device_tests_pass(processor: str) -> None:
    folder = build(FIRMWARE, cache_folder(), [f"{processor}/agent_check.elf"])
    # With documents, which go nowhere here, the tests of power cuts, the longest, are left out.
    done = run(folder, processor, "agent_check", ".", "--documents", "/dev/null", limit=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ device tests, 0 failed$", done.stdout, re.MULTILINE)
