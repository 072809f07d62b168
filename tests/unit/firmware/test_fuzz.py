"""The fuzzers and their corpora can find something: bugs are seeded into a copy of the firmware."""

import re
import runpy
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.contract_core import FIRMWARE
from support.fuzzing import FuzzTree

CORPORA = FIRMWARE / "fuzz" / "corpus"
CORPORA_MOST_BYTES = 300 * 1024
# A capital A is no letter any more: "trAnsfer-encoding" passes unseen. No edge of the code leads to it, so no corpus
# keeps it; heads with that letter have to be tried.
OFF_BY_ONE = ("core/src/ef_http.c", "*line >= 'A' &&", "*line > 'A' &&")


@dataclass(frozen=True)
class Bug:
    """A mistake that breaks a promise, and the target whose known inputs show it."""

    name: str
    target: str
    file: str
    good: str
    bad: str


BROKEN_PROMISES = (
    Bug(
        "any-signature",
        "desired",
        "core/src/ef_dsse.c",
        "return status == PSA_SUCCESS;\n}\n\nstatic const ef_key *find_key",
        "return status != PSA_ERROR_NOT_SUPPORTED;\n}\n\nstatic const ef_key *find_key",
    ),
    Bug(
        "one-byte-over-the-slot",
        "manifest",
        "core/src/ef_verify.c",
        "> context->slot_bytes",
        "> context->slot_bytes + 1",
    ),
    Bug(
        "the-active-model-is-not-hashed",
        "boot",
        "core/src/ef_slots.c",
        "|| !ef_slot_model_holds(agent, index) ||",
        "||",
    ),
    Bug(
        "append-behind-a-torn-record",
        "journal",
        "core/src/ef_journal.c",
        "journal->next = is_erased(journal, journal->sector, end) ? end : EF_FLASH_SECTOR;",
        "journal->next = is_erased(journal, journal->sector, EF_FLASH_SECTOR) ? end : EF_FLASH_SECTOR;",
    ),
    Bug("two-lengths", "http", "core/src/ef_http.c", "http->has_length = true;", "http->has_length = length > 0;"),
    Bug(
        "a-lone-surrogate",
        "json",
        "core/src/ef_json.c",
        "if (unit <= 0 || is_low_surrogate(unit)) {",
        "if (unit <= 0) {",
    ),
    Bug(
        "a-packet-ends-one-byte-later",
        "packet",
        "port/posix/mqtt/packet.c",
        "if (reader->bad || length > left(reader)) {",
        "if (reader->bad || length > left(reader) + 1) {",
    ),
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> FuzzTree:
    """A built copy, so that a seeded bug compiles one file and links one program."""
    tree = FuzzTree.copy(tmp_path_factory.mktemp("pristine"))
    targets = " ".join(sorted({bug.target for bug in BROKEN_PROMISES}))
    done = tree.make("fuzz-replay", f"FUZZ_TARGETS={targets}")
    assert done.returncode == 0, done.stdout + done.stderr
    return tree


@pytest.mark.parametrize("bug", BROKEN_PROMISES, ids=lambda bug: bug.name)
def test_a_broken_promise_is_found_by_what_is_known(bug: Bug, tmp_path: Path, pristine: FuzzTree) -> None:
    shutil.copytree(pristine.folder, tmp_path / "bug", symlinks=True)
    tree = FuzzTree(tmp_path / "bug")
    tree.seed_bug(bug.file, bug.good, bug.bad)
    done = tree.make("fuzz-replay", f"FUZZ_TARGETS={bug.target}")
    assert done.returncode != 0
    assert re.search(rf"^{bug.target} +FAILED on \S+", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_the_fuzzer_finds_what_the_corpora_do_not_know(tmp_path: Path) -> None:
    tree = FuzzTree.copy(tmp_path)
    tree.seed_bug(*OFF_BY_ONE)
    known = tree.make("fuzz-replay", "FUZZ_TARGETS=http")
    assert known.returncode == 0, known.stdout + known.stderr
    # As long as every target gets in `make test`; it ends with the finding.
    found = tree.make("fuzz", "FUZZ_TARGETS=http", "FUZZ_SECONDS=60", "FUZZ_SEED=1")
    assert found.returncode != 0
    kept = re.search(r"^http .* FINDING in (\S+)$", found.stdout, re.MULTILINE)
    assert kept is not None, found.stdout + found.stderr
    assert "broken promise" in found.stdout
    # The input is kept, and is a finding of the damaged source alone.
    finding = (tree.folder / "firmware" / kept.group(1)).resolve()
    replayer = tree.folder / "firmware" / "build" / "replayers" / "http"
    assert subprocess.run([replayer, finding], capture_output=True, check=False).returncode != 0
    tree.seed_bug(OFF_BY_ONE[0], OFF_BY_ONE[2], OFF_BY_ONE[1])
    assert tree.make("build/replayers/http").returncode == 0
    assert subprocess.run([replayer, finding], capture_output=True, check=False).returncode == 0


def test_a_new_run_is_not_a_finding(tmp_path: Path) -> None:
    done = FuzzTree.copy(tmp_path).make("fuzz", "FUZZ_TARGETS=words http", "FUZZ_SECONDS=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^\w+ +\d+ runs .* 0 findings$", done.stdout, re.MULTILINE)) == 2


def test_the_corpora_stay_small_and_read_back_as_they_were_written() -> None:
    corpus = runpy.run_path(str(FIRMWARE / "fuzz" / "corpus.py"))
    files = sorted(CORPORA.glob("*.txt"))
    targets = {path.stem for path in (FIRMWARE / "fuzz" / "targets").glob("*.c")}
    assert {path.stem for path in files} == targets
    assert sum(path.stat().st_size for path in files) <= CORPORA_MOST_BYTES
    for path in files:
        lines = path.read_text().splitlines()
        assert lines == sorted({corpus["spell"](data) for data in corpus["load"](path.stem)})
        assert all(line.isascii() and line.isprintable() for line in lines)
