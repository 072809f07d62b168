/* What is special about updating a model: it runs in place from its slot, and golden vectors say if it is right. */
#include <string.h>

#include "edgefleet/base64.h"
#include "ef_report.h"
#include "ef_scratch.h"
#include "ef_slots.h"
#include "ef_update.h"

enum { CHUNK_BYTES = 48 };

static uint32_t area(const ef_agent *agent, unsigned slot) {
    return ef_model_at(slot, agent->config->slot_bytes);
}

static bool fill_slot(ef_slot *slot, const ef_manifest *manifest) {
    const ef_json *json = &manifest->document;
    slot->size_bytes = manifest->size_bytes;
    slot->arena_bytes = manifest->arena_bytes;
    slot->security_version = manifest->security_version;
    memcpy(slot->sha256, manifest->sha256, EF_SHA256_BYTES);
    memset(slot->model, 0, sizeof slot->model);
    memset(slot->version, 0, sizeof slot->version);
    return ef_text_copy(ef_json_text(json, ef_json_member(json, 0, "model")), slot->model, sizeof slot->model) &&
           ef_text_copy(ef_json_text(json, ef_json_member(json, 0, "version")), slot->version, sizeof slot->version);
}

static ef_reason judge(ef_agent *agent, unsigned at, ef_slot *slot, ef_fault *fault) {
    ef_manifest *manifest = &agent->update.manifest;
    ef_reason reason = ef_slot_read_manifest(agent, slot, at, manifest, fault);
    if (reason == EF_REASON_OK && !fill_slot(slot, manifest)) {
        return ef_fault_at(fault, EF_REASON_TOO_LARGE, "payload"); /* the contract's names fit */
    }
    return reason;
}

static void undo(ef_agent *agent) {
    ef_update *update = &agent->update;
    unsigned active = agent->active;
    (void)ef_slot_run_best(agent);
    if (agent->loaded && agent->active == active) {
        agent->tested = update->was_tested;
        agent->test = update->was;
    }
}

static ef_event probe(ef_agent *agent) {
    ef_update *update = &agent->update;
    update->was_tested = agent->tested;
    update->was = agent->test;
    update->test = (ef_self_test){0, 0, 0};
    if (!ef_slot_load(agent, &update->slot, update->target, &update->info)) {
        return ef_trial_fail(agent, EF_REASON_MODEL_LOAD_FAILED, update->info.error);
    }
    return EF_EVENT_NEXT;
}

/* The base64 of a vector's expected output, decoded piece by piece. */
typedef struct {
    ef_text text;
    uint8_t bytes[CHUNK_BYTES];
    size_t at;
    size_t end;
} expectation;

static uint8_t next_byte(expectation *expected) {
    if (expected->at == expected->end) {
        expected->at = 0;
        expected->end = ef_base64_read(&expected->text, expected->bytes, sizeof expected->bytes);
    }
    /* The contract has shown that the text is base64, and its length was compared: there is a byte. */
    return expected->at < expected->end ? expected->bytes[expected->at++] : 0;
}

/* The largest difference, in units of the last place. Types of more than a byte must agree exactly. */
static int32_t largest_difference(const ef_json *json, ef_text text, const uint8_t *answer, size_t length) {
    uint16_t output = (uint16_t)(ef_json_member(json, 0, "outputs") + 1);
    uint16_t dtype = ef_json_member(json, output, "dtype");
    bool is_signed = ef_json_text_is(json, dtype, "int8");
    bool exact = !is_signed && !ef_json_text_is(json, dtype, "uint8");
    expectation expected = {text, {0}, 0, 0};
    int32_t largest = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t wanted = next_byte(&expected);
        int32_t difference = is_signed ? (int8_t)answer[i] - (int8_t)wanted : answer[i] - wanted;
        difference = difference < 0 ? -difference : difference;
        if (exact && difference != 0) {
            difference = INT32_MAX;
        }
        largest = difference > largest ? difference : largest;
    }
    return largest;
}

static void begin_note(ef_writer *writer, char *note, unsigned vector) {
    ef_writer_begin(writer, note, EF_NOTE_MAX);
    ef_put_text(writer, "vector ");
    ef_put_number(writer, vector);
    ef_put_text(writer, ": ");
}

static ef_event fail_vector(ef_agent *agent, const char *what) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    begin_note(&writer, note, agent->update.test.passed);
    ef_put_text(&writer, what);
    return ef_trial_fail(agent, EF_REASON_SELF_TEST_FAILED, note);
}

static ef_event fail_difference(ef_agent *agent, int32_t difference) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    if (difference == INT32_MAX) {
        return fail_vector(agent, "the output differs");
    }
    begin_note(&writer, note, agent->update.test.passed);
    ef_put_number(&writer, difference);
    ef_put_text(&writer, " LSB, ");
    ef_put_number(&writer, agent->update.manifest.tolerance_lsb);
    ef_put_text(&writer, " allowed");
    return ef_trial_fail(agent, EF_REASON_SELF_TEST_FAILED, note);
}

static ef_event run_vector(ef_agent *agent, uint16_t vector) {
    ef_update *update = &agent->update;
    const ef_hal *hal = agent->hal;
    const ef_json *json = &update->manifest.document;
    ef_text given = ef_json_text(json, ef_json_member(json, vector, "input"));
    ef_text wanted = ef_json_text(json, ef_json_member(json, vector, "output"));
    size_t length = 0;
    size_t expected = 0;
    size_t got = 0;
    uint8_t *input = hal->inference.input(hal->context, &got);
    if (!ef_base64_decode(given, NULL, 0, &length) || !ef_base64_decode(wanted, NULL, 0, &expected)) {
        return fail_vector(agent, "it cannot be read");
    }
    if (input == NULL || length != got || expected != update->info.output_bytes) {
        return fail_vector(agent, "the model's input or output has another size");
    }
    (void)ef_base64_decode(given, input, got, &length);
    const uint8_t *answer = hal->inference.invoke(hal->context, &got);
    if (answer == NULL || got != expected) {
        return fail_vector(agent, "the model does not answer");
    }
    int32_t difference = largest_difference(json, wanted, answer, got);
    if (difference > update->manifest.tolerance_lsb) {
        return fail_difference(agent, difference);
    }
    update->test.max_lsb = difference > update->test.max_lsb ? difference : update->test.max_lsb;
    update->test.passed++;
    return EF_EVENT_MORE;
}

static ef_event check(ef_agent *agent) {
    ef_fault fault;
    ef_update *update = &agent->update;
    if (!ef_scratch_is_kept(agent)) {
        /* The first of them, or a message or another agent came in between and took the scratch. */
        ef_reason reason = ef_slot_read_manifest(agent, &update->slot, update->target, &update->manifest, &fault);
        if (reason != EF_REASON_OK) {
            return ef_trial_fail(agent, reason == EF_REASON_MANIFEST_MISMATCH ? EF_REASON_FLASH_ERROR : reason,
                                 "the stored manifest does not hold");
        }
        ef_scratch_keep(agent);
    }
    const ef_json *json = &update->manifest.document;
    uint16_t vectors = ef_json_member(json, 0, "vectors");
    update->test.total = (uint8_t)ef_json_size(json, vectors);
    uint16_t vector = (uint16_t)(vectors + 1);
    for (unsigned i = 0; i < update->test.passed; i++) {
        vector = json->tokens[vector].next;
    }
    return update->test.passed == update->test.total ? EF_EVENT_NEXT : run_vector(agent, vector);
}

static bool commit(ef_agent *agent) {
    ef_update *update = &agent->update;
    int64_t floor = update->slot.security_version > agent->security_floor ? update->slot.security_version
                                                                           : agent->security_floor;
    /* In this order: power may fail between any two of them, and what an older command could undo comes first. */
    if (!ef_journal_put(&agent->journal, EF_RECORD_FLOOR, &floor, sizeof floor)) {
        return false;
    }
    agent->security_floor = floor;
    if (!ef_slot_set(agent, update->target, EF_SLOT_VALID) || !ef_slot_activate(agent, update->target)) {
        return false;
    }
    agent->loaded = true;
    agent->arena_used = update->info.arena_used;
    agent->tested = true;
    agent->test = update->test;
    return true;
}

const ef_update_kind ef_model_kind = {
    .noun = "model",
    .folder = "/v1/blobs/sha256/",
    .area = area,
    .judge = judge,
    .probe = probe,
    .check = check,
    .commit = commit,
    .undo = undo,
};
