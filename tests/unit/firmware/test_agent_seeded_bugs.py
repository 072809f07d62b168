"""Each bug is seeded into a copy of the firmware, and the device test that is there for it must fail."""

from pathlib import Path

import pytest

from support.seeded_bugs import Bug, find_bug

BUGS = (
    Bug(
        "the-new-record-before-the-others",
        "ef_journal.c",
        "    /* In the order of their numbers, as a scan wants them; the new record has the highest. */\n",
        "    if (!write_record(journal, moved.sector, at, header, bytes)) {\n        return false;\n    }\n"
        "    at += space_of(header->length);\n",
        "journal-survives-a-power-cut-at-every-byte",
    ),
    Bug(
        "the-second-sector-outranks-the-records",
        "ef_journal.c",
        "return one->number != other->number ? one->number > other->number : count_keys(one) > count_keys(other);",
        "return one->number > 0 && other->sector == 0;",
        "journal-survives-a-power-cut-at-every-byte",
    ),
    Bug(
        "a-move-that-did-not-end-counts",
        "ef_journal.c",
        "one->number > other->number : count_keys(one) > count_keys(other);",
        "one->number > other->number : count_keys(one) > 0;",
        "journal-survives-a-power-cut-at-every-byte",
    ),
    Bug(
        "append-behind-a-torn-record",
        "ef_journal.c",
        "journal->next = is_erased(journal, journal->sector, end) ? end : EF_FLASH_SECTOR;",
        "journal->next = end;",
        "journal-survives-a-power-cut-at-every-byte",
    ),
    Bug(
        "a-record-that-nobody-could-sign",
        "ef_records.c",
        "    return !writer.full && ef_contract_read(",
        "    return true || ef_contract_read(",
        "a-command-that-nobody-could-sign-is-none",
    ),
    Bug(
        "any-payload-in-flash-is-the-wanted-one",
        "ef_unwrap.c",
        "memcmp(digest, payload->sha256, sizeof digest) == 0;",
        "there[0] == '{';",
        "the-payload-in-flash-is-the-wanted-one",
    ),
    Bug(
        "a-torn-payload-is-read",
        "ef_unwrap.c",
        "    return find(agent, payload);\n}\n",
        "    const ef_hal *hal = ((ef_agent *)agent)->hal;\n"
        "    return hal->flash.map(hal->context, EF_UNWRAPPED_AT, payload->length);\n}\n",
        "the-payload-in-flash-is-the-wanted-one",
    ),
    Bug(
        "one-spoiled-manifest-is-a-refusal",
        "ef_download.c",
        "if (is_of_the_device(reason) || update->failures >= QUIET_FAILURES) {",
        "if (reason != EF_REASON_OK) {",
        "manifest-spoiled-once",
    ),
    Bug(
        "a-manifest-that-stays-wrong-is-fetched-for-ever",
        "ef_download.c",
        "            return refuse(agent, reason, &fault);\n        }\n        char note",
        "            update->failures = 0;\n        }\n        char note",
        "manifest-spoiled-once",
    ),
    Bug("any-crc", "ef_journal.c", "return crc == header->crc;", "return true;", "journal-steps-over-a-rotten-record"),
    Bug(
        "active-before-valid",
        "ef_model.c",
        "!ef_slot_set(agent, update->target, EF_SLOT_VALID) || !ef_slot_activate(agent, update->target)",
        "!ef_slot_activate(agent, update->target) || !ef_slot_set(agent, update->target, EF_SLOT_VALID)",
        "power-fails-in-an-update",
    ),
    Bug(
        "bytes-before-the-record",
        "ef_download.c",
        "!ef_slot_set(agent, update->target, EF_SLOT_EMPTY) ||",
        "",
        "a-slot-that-is-overwritten-counts-no-more",
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
        "if (!ef_slot_set(agent, agent->update.target, EF_SLOT_TRYING)) {",
        "if (agent == NULL) {",
        "a-panic-while-testing-is-a-watchdog-reset",
    ),
    Bug(
        "any-answer-is-good",
        "ef_model.c",
        "if (difference > update->manifest.tolerance_lsb) {",
        "if (difference < 0) {",
        "a-failed-self-test-keeps-the-old-model",
    ),
    Bug(
        "the-old-model-is-not-loaded-again",
        "ef_model.c",
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
        "if (http->length != fetch->size - fetch->done + fetch->skip) {",
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
        "ef_fill.c",
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
    Bug(
        "filling-is-said-before-the-sectors-are-erased",
        "ef_fill.c",
        "    if (good && update->cursor < update->slot.size_bytes) {\n        return EF_EVENT_MORE;",
        "    if (good && update->cursor < update->slot.size_bytes) {\n        (void)mark_filling(agent);\n"
        "        return EF_EVENT_MORE;",
        "a-slot-that-is-overwritten-counts-no-more",
    ),
    Bug(
        "the-last-sector-counts-as-whole",
        "ef_fill.c",
        "    if (!erased || update->cursor == 0) {\n"
        "        prepare(agent, erased ? 0 : update->cursor + EF_FLASH_SECTOR);",
        "    if (!erased || update->cursor == 0) {\n        update->cursor += erased ? 0 : EF_FLASH_SECTOR;\n"
        "        prepare(agent, update->cursor);",
        "a-restart-asks-for-whole-sectors",
    ),
    Bug(
        "the-first-blank-sector-ends-the-recall",
        "ef_fill.c",
        "    if (!erased || update->cursor == 0) {\n"
        "        prepare(agent, erased ? 0 : update->cursor + EF_FLASH_SECTOR);",
        "    if (!erased || update->cursor == 0) {\n"
        "        while (update->cursor > 0 &&\n"
        "               ef_update_is_erased(sector - 4096, 4096)) {\n            sector -= 4096;\n"
        "            update->cursor -= 4096;\n        }\n"
        "        prepare(agent, erased ? 0 : update->cursor + EF_FLASH_SECTOR);",
        "bytes-that-look-erased-are-no-trap",
    ),
    Bug(
        "the-begun-sector-is-not-erased",
        "ef_fill.c",
        "prepare(agent, erased ? 0 : update->cursor + EF_FLASH_SECTOR);",
        "prepare(agent, 0);",
        "a-restart-asks-for-whole-sectors",
    ),
    Bug(
        "a-rest-of-other-bytes-is-kept",
        "ef_download.c",
        "        ef_fetch_stop(&update->fetch); /* what came is worth nothing */\n        update->filling = false;\n",
        "",
        "other-bytes-in-the-recalled-part-start-from-nothing",
    ),
    Bug(
        "all-is-taken-for-the-rest",
        "ef_fetch.c",
        "fetch->skip = http->status == 200 ? fetch->done : 0;",
        "fetch->skip = 0;",
        "a-registry-that-changed-its-answer-is-got-over",
    ),
    Bug(
        "all-again-over-what-is-there",
        "ef_fetch.c",
        "    fetch->skip = http->status == 200 ? fetch->done : 0;\n",
        "    if (http->status == 200 && fetch->done > 0) {\n        fetch->dirty = fetch->size;\n"
        "        (void)start_over(fetch);\n    }\n    fetch->skip = 0;\n",
        "a-registry-that-never-gets-to-the-end-wears-nothing",
    ),
    Bug(
        "what-has-no-rest-is-asked-for-it-again",
        "ef_fetch.c",
        "fetch->whole = fetch->whole || http->status == 416;",
        "fetch->whole = false;",
        "a-registry-that-never-gives-a-rest",
    ),
    Bug(
        "a-rest-does-not-wait",
        "ef_download.c",
        "    if (event != EF_EVENT_NEXT && event != EF_EVENT_PARTLY) {",
        "    if (event != EF_EVENT_NEXT) {",
        "a-rest-waits-out-its-jitter",
    ),
    Bug(
        "retry-after-is-ignored",
        "ef_download.c",
        "(asked > pause ? asked + spread : own)",
        "own",
        "retry-after-is-waited-out",
    ),
    Bug(
        "retry-after-hurries",
        "ef_download.c",
        "(asked > pause ? asked + spread : own)",
        "(asked > 0 ? asked + spread : own)",
        "retry-after-does-not-hurry",
    ),
    Bug(
        "any-retry-after",
        "ef_http.c",
        "    seconds = seconds < EF_HTTP_RETRY_MAX_S ? seconds : EF_HTTP_RETRY_MAX_S;\n",
        "",
        "http-retry-after-is-seconds",
    ),
    Bug(
        "nobody-watches-a-test",
        "ef_trial.c",
        "    hal->watchdog.arm(hal->context, PATIENCE_MS);\n",
        "",
        "a-model-that-hangs-is-a-watchdog-reset",
    ),
    Bug(
        "the-watchdog-stays-armed",
        "ef_trial.c",
        "    hal->watchdog.disarm(hal->context);\n",
        "",
        "the-first-model",
    ),
    Bug(
        "keys-are-used-before-they-are-stored",
        "ef_agent.c",
        "if (reason == EF_REASON_OK && !ef_keys_store(&agent->journal, bundle)) {",
        "agent->keys = reason == EF_REASON_OK ? *bundle : agent->keys;\n"
        "    if (reason == EF_REASON_OK && !ef_keys_store(&agent->journal, bundle)) {",
        "keys-that-cannot-be-stored-are-not-used",
    ),
    Bug(
        "keys-are-not-stored",
        "ef_agent.c",
        "if (reason == EF_REASON_OK && !ef_keys_store(&agent->journal, bundle)) {",
        "if (reason == EF_REASON_FLASH_ERROR) {",
        "rotated-keys-outlast-restarts",
    ),
    Bug(
        "any-version-of-keys",
        "ef_verify.c",
        '    ef_reason age = check_age(&bundle->seen, seen, ".version", fault);',
        "    ef_seen none = {0, false, {0}};\n    (void)seen;\n"
        '    ef_reason age = check_age(&bundle->seen, &none, ".version", fault);',
        "an-old-bundle-is-refused",
    ),
    Bug(
        "the-configuration-s-keys-sign-bundles-for-ever",
        "ef_agent.c",
        "ef_keyring trusted = {agent->keys.release_keys, agent->keys.release_count};",
        "ef_keyring trusted = {agent->config->release_keys, agent->config->release_count};",
        "a-key-that-was-rotated-away-signs-no-bundle",
    ),
    Bug(
        "a-rotation-leaves-the-update-alone",
        "ef_agent.c",
        "    ef_update_restart(agent);\n",
        "",
        "a-rotation-in-an-update-judges-it-again",
    ),
    Bug(
        "a-command-that-came-too-early-is-lost",
        "ef_agent.c",
        "    agent->must_subscribe = true;\n}\n\nvoid ef_agent_message",
        "}\n\nvoid ef_agent_message",
        "new-keys-command-and-the-old-ones-no-more",
    ),
    Bug(
        "a-model-of-another-manifest",
        "ef_verify.c",
        "if (memcmp(payload.sha256, context->digest, EF_SHA256_BYTES) != 0) {",
        "if (payload.length == 0) {",
        "mix-and-match-manifests",
    ),
    Bug(
        "a-class-is-a-class",
        "ef_verify.c",
        'if (!ef_json_text_is(json, ef_json_member(json, 0, "deviceClass"), context->device_class)) {',
        "if (context->device_class == NULL) {",
        "wrong-device-or-class",
    ),
    Bug(
        "any-command-is-new",
        "ef_verify.c",
        "    return offered->number == seen->number ? EF_REASON_UNCHANGED : EF_REASON_OK;",
        "    return EF_REASON_OK;",
        "crash-looping-model",
    ),
    Bug(
        "an-unsigned-manifest-will-do",
        "ef_dsse.c",
        "    ef_reason reason = EF_REASON_UNKNOWN_KEY;\n",
        "    ef_reason reason = EF_REASON_OK;\n",
        "forged-manifest",
    ),
    Bug(
        "older-commands-are-as-good",
        "ef_verify.c",
        "if (offered->number < seen->number || (offered->number == seen->number && other_bytes)) {",
        "if (offered->number == seen->number && other_bytes) {",
        "replayed-duplicated-and-reordered-commands",
    ),
    Bug(
        "the-floor-is-not-stored",
        "ef_model.c",
        "    if (!ef_journal_put(&agent->journal, EF_RECORD_FLOOR, &floor, sizeof floor)) {",
        "    if (floor < 0) {",
        "the-floor-outlives-the-model-that-raised-it",
    ),
    Bug(
        "a-slot-that-is-overwritten-still-counts",
        "ef_download.c",
        "!ef_slot_set(agent, update->target, EF_SLOT_EMPTY) ||",
        "",
        "power-fails-in-an-update",
    ),
    Bug(
        "what-came-counts-as-tested",
        "ef_fill.c",
        "    update->slot.state = EF_SLOT_STAGED;\n",
        "    update->slot.state = EF_SLOT_VALID;\n",
        "power-fails-in-a-failing-model",
    ),
    Bug(
        "a-crash-is-forgotten",
        "ef_agent.c",
        "if (agent->slots[i].state != EF_SLOT_TRYING) {",
        "if (agent->slots[i].state != EF_SLOT_FAILED + 99) {",
        "power-fails-in-a-crashing-model",
    ),
    Bug(
        "a-torn-record-counts",
        "ef_journal.c",
        "return crc == header->crc;",
        "return true;",
        "power-fails-in-an-update",
    ),
    Bug(
        "a-move-begins-with-its-own-sector",
        "ef_journal.c",
        "if (!journal->hal->flash.erase(journal->hal->context, flash_at(journal, moved.sector, 0))) {",
        "if (!journal->hal->flash.erase(journal->hal->context, flash_at(journal, moved.sector, 0)) ||\n"
        "        !journal->hal->flash.erase(journal->hal->context, flash_at(journal, journal->sector, 0))) {",
        "power-fails-in-an-update",
    ),
    Bug(
        "a-rest-is-not-hashed",
        "ef_fetch.c",
        "if (sector == NULL || psa_hash_update(&fetch->hash, sector, EF_FLASH_SECTOR) != PSA_SUCCESS) {",
        "if (sector == NULL) {",
        "a-restart-asks-for-whole-sectors",
    ),
    Bug(
        "keys-of-before-come-back",
        "ef_keys.c",
        "    if (ef_keys_load(journal, keys) && (keys->seen.number > config->keys_version ||",
        "    if (ef_keys_load(journal, keys) && (keys->seen.number < config->keys_version ||",
        "power-fails-in-a-key-rotation",
    ),
    Bug(
        "worn-out-flash-decides-what-is-reported",
        "ef_slots.c",
        "    agent->active = to;\n",
        "",
        "worn-out-flash-does-not-name-a-model-that-does-not-run",
    ),
    Bug(
        "a-rotten-floor-is-none",
        "ef_agent.c",
        "floor = slot->state == EF_SLOT_VALID && slot->security_version > floor ? slot->security_version : floor;",
        "floor = slot->state > EF_SLOT_FAILED ? 0 : floor;",
        "a-rotten-bit-in-the-journal-does-not-lower-the-floor",
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, tmp_path: Path, pristine: Path) -> None:
    find_bug(bug, pristine, tmp_path)
