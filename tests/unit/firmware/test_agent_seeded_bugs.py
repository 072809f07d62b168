"""Each bug is seeded into a copy of the firmware, and the device test that is there for it must fail."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.agent_core import UPDATES, build_agent_check, run_agent_check
from support.contract_core import FIRMWARE


@dataclass(frozen=True)
class Bug:
    """A mistake and the test that finds it."""

    name: str
    file: str
    good: str
    bad: str
    test: str


BUGS = (
    Bug(
        "header-before-records",
        "ef_journal.c",
        "|| !write_record(journal, moved.sector, at, header, bytes) ||\n"
        "        !write_header(journal, moved.sector, moved.sequence)) {",
        "|| !write_header(journal, moved.sector, moved.sequence) ||\n"
        "        !write_record(journal, moved.sector, at, header, bytes)) {",
        "journal-survives-a-power-cut-at-every-byte",
    ),
    Bug(
        "append-behind-a-torn-record",
        "ef_journal.c",
        "journal->next = is_erased(journal, journal->sector, end) ? end : EF_FLASH_SECTOR;",
        "journal->next = end;",
        "journal-survives-a-power-cut-at-every-byte",
    ),
    Bug("any-crc", "ef_journal.c", "return crc == header->crc;", "return true;", "journal-steps-over-a-rotten-record"),
    Bug(
        "active-before-valid",
        "ef_trial.c",
        "!ef_slot_set(agent, update->target, EF_SLOT_VALID) || !ef_slot_activate(agent, update->target)",
        "!ef_slot_activate(agent, update->target) || !ef_slot_set(agent, update->target, EF_SLOT_VALID)",
        "power-fails-at-every-operation-of-an-update",
    ),
    Bug(
        "bytes-before-the-record",
        "ef_download.c",
        "!ef_slot_set(agent, update->target, EF_SLOT_EMPTY) ||",
        "!ef_slot_store(agent, update->target, &update->slot) ||",
        "an-interrupted-update-fetches-what-is-missing",
    ),
    Bug(
        "not-seen-before-obeyed",
        "ef_agent.c",
        "if (!ef_journal_put(&agent->journal, EF_RECORD_COMMAND, record, ef_command_length(record))) {",
        "if (record->generation == 0) {",
        "stale-and-reordered-commands-are-refused",
    ),
    Bug(
        "trying-is-not-noted",
        "ef_trial.c",
        "if (!ef_slot_set(agent, update->target, EF_SLOT_TRYING)) {",
        "if (agent == NULL) {",
        "a-panic-while-testing-is-a-watchdog-reset",
    ),
    Bug(
        "any-answer-is-good",
        "ef_trial.c",
        "if (difference > update->manifest.tolerance_lsb) {",
        "if (difference < 0) {",
        "a-failed-self-test-keeps-the-old-model",
    ),
    Bug(
        "the-old-model-is-not-loaded-again",
        "ef_trial.c",
        "    (void)ef_slot_run_best(agent);\n",
        "",
        "a-refused-model-keeps-the-old-one",
    ),
    Bug(
        "the-active-model-is-not-hashed-at-boot",
        "ef_slots.c",
        "|| !ef_slot_model_holds(agent, index) ||",
        "||",
        "a-rotten-active-slot-falls-back",
    ),
    Bug(
        "a-fallback-ignores-the-floor",
        "ef_slots.c",
        "            agent->slots[second].security_version >= agent->security_floor &&",
        "           ",
        "a-fallback-obeys-the-security-floor",
    ),
    Bug(
        "any-length",
        "ef_fetch.c",
        "if (http->length != fetch->size - fetch->done) {",
        "if (http->length == 0) {",
        "every-trouble-is-reported-and-tried-on",
    ),
    Bug(
        "any-range",
        "ef_fetch.c",
        "http->range_first != fetch->done ||",
        "",
        "a-wrong-range-is-not-taken",
    ),
    Bug(
        "silence-is-patience",
        "ef_fetch.c",
        "if (now - fetch->heard_ms > EF_FETCH_SILENCE_MS) {",
        "if (now < fetch->heard_ms) {",
        "every-trouble-is-reported-and-tried-on",
    ),
    Bug(
        "other-bytes-come-as-far-as-flash",
        "ef_download.c",
        "!ef_fetch_digest(&update->fetch, digest) || memcmp(digest, update->slot.sha256, sizeof digest) != 0",
        "!ef_fetch_digest(&update->fetch, digest)",
        "other-bytes-are-not-run",
    ),
    Bug(
        "a-message-takes-the-manifest",
        "ef_scratch.c",
        "    scratch->owner = NULL;\n",
        "",
        "garbage-does-not-disturb-the-update",
    ),
    Bug(
        "a-neighbour-s-manifest-is-mine",
        "ef_scratch.c",
        "return agent->config->scratch->owner == agent;",
        "return agent->config->scratch->owner != NULL;",
        "agents-share-a-scratch-whoever-is-ahead",
    ),
    Bug(
        "a-neighbour-s-manifest-is-mine-between-two-vectors",
        "ef_scratch.c",
        "return agent->config->scratch->owner == agent;",
        "return agent->config->scratch->owner != NULL;",
        "a-neighbour-takes-the-scratch-between-two-vectors",
    ),
)

# Bounds and signs of a bug are not the point, so warnings and sanitizers are off.
_PLAIN = ("SANITIZE=", "WARNINGS=-w")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built copy of the firmware, so that a seeded bug compiles one file."""
    folder = tmp_path_factory.mktemp("pristine")
    shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("build"))
    build_agent_check(folder / "firmware", folder / "build", _PLAIN)
    return folder


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, tmp_path: Path, pristine: Path) -> None:
    assert run_agent_check(pristine / "build" / "agent_check", UPDATES, bug.test).returncode == 0
    shutil.copytree(pristine, tmp_path / "bug")
    source = tmp_path / "bug" / "firmware" / "core" / "src" / bug.file
    text = source.read_text()
    assert text.count(bug.good) == 1, "the seeded bug no longer fits the source"
    source.write_text(text.replace(bug.good, bug.bad))
    program = build_agent_check(tmp_path / "bug" / "firmware", tmp_path / "bug" / "build", _PLAIN)
    assert run_agent_check(program, UPDATES, bug.test).returncode != 0
