#include "ef_records.h"

#include <stddef.h>
#include <string.h>

#include "edgefleet/contract.h"
#include "edgefleet/pattern.h"

static const size_t shortest_command = offsetof(ef_command_record, settings) + offsetof(ef_settings, sources);

static bool ends_in_nul(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL;
}

static bool is_text_of(ef_pattern kind, const char *text, size_t size) {
    if (!ends_in_nul(text, size)) {
        return false;
    }
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        /* A cursor wants checked JSON text: no escapes, no bytes of longer characters. */
        if (text[i] < ' ' || text[i] > '~' || text[i] == '\\') {
            return false;
        }
    }
    ef_text cursor = {(const uint8_t *)text, (const uint8_t *)text + length};
    return ef_pattern_matches(kind, cursor);
}

size_t ef_command_length(const ef_command_record *command) {
    return shortest_command + command->settings.sources_length;
}

static uint32_t member_or_zero(const ef_json *json, uint16_t object, const char *name) {
    uint16_t token = ef_json_member(json, object, name);
    return token == EF_JSON_NONE ? 0 : (uint32_t)ef_json_integer(json, token);
}

static void fill_sources(ef_settings *settings, const ef_json *json, uint16_t array) {
    uint16_t end = json->tokens[array].next;
    settings->has_sources = 1;
    for (uint16_t each = (uint16_t)(array + 1); each < end; each = json->tokens[each].next) {
        char *at = settings->sources + settings->sources_length;
        if (ef_text_copy(ef_json_text(json, each), at, sizeof settings->sources - settings->sources_length)) {
            settings->sources_length = (uint16_t)(settings->sources_length + strlen(at) + 1);
        }
    }
}

static void fill_settings(ef_settings *settings, const ef_json *json, uint16_t object) {
    uint16_t threshold = ef_json_member(json, object, "anomalyThreshold");
    uint16_t role = ef_json_member(json, object, "role");
    uint16_t sources = ef_json_member(json, object, "sources");
    if (threshold != EF_JSON_NONE) {
        const ef_json_token *number = &json->tokens[threshold];
        memcpy(settings->threshold, json->bytes + number->start, number->end - number->start);
    }
    settings->hysteresis_windows = member_or_zero(json, object, "hysteresisWindows");
    settings->sample_period_ms = member_or_zero(json, object, "samplePeriodMs");
    settings->telemetry_period_ms = member_or_zero(json, object, "telemetryPeriodMs");
    if (role != EF_JSON_NONE) {
        settings->role = ef_json_text_is(json, role, "level1") ? EF_ROLE_LEVEL1 : EF_ROLE_LEVEL2;
    }
    if (sources != EF_JSON_NONE) {
        fill_sources(settings, json, sources);
    }
}

void ef_command_fill(ef_command_record *record, const ef_command *command) {
    memset(record, 0, sizeof *record);
    record->generation = command->seen.number;
    memcpy(record->payload_digest, command->seen.digest, EF_SHA256_BYTES);
    if (command->has_manifest) {
        memcpy(record->manifest_digest, command->manifest_digest, EF_SHA256_BYTES);
        record->manifest_bytes = command->manifest_bytes;
    }
    record->jitter_seconds = member_or_zero(&command->assignment, 0, "jitterSeconds");
    uint16_t commission = ef_json_member(&command->assignment, 0, "commission");
    if (commission != EF_JSON_NONE) {
        (void)ef_text_copy(ef_json_text(&command->assignment, commission), record->commission,
                           sizeof record->commission);
    }
    uint16_t settings = ef_json_member(&command->assignment, 0, "settings");
    if (settings != EF_JSON_NONE) {
        fill_settings(&record->settings, &command->assignment, settings);
    }
}

static bool has_settings(const ef_settings *settings) {
    return settings->threshold[0] != '\0' || settings->hysteresis_windows > 0 || settings->sample_period_ms > 0 ||
           settings->telemetry_period_ms > 0 || settings->role != 0 || settings->has_sources;
}

static void put_setting(ef_writer *writer, const char *name, uint32_t value) {
    if (value > 0) {
        ef_json_put_integer(writer, name, value);
    }
}

void ef_settings_put(const ef_settings *settings, ef_writer *writer) {
    static const char *const roles[] = {NULL, "level1", "level2"};
    if (!has_settings(settings)) {
        return;
    }
    ef_json_open(writer, "settings", '{');
    if (settings->threshold[0] != '\0') {
        ef_json_put_raw(writer, "anomalyThreshold", settings->threshold);
    }
    put_setting(writer, "hysteresisWindows", settings->hysteresis_windows);
    put_setting(writer, "samplePeriodMs", settings->sample_period_ms);
    put_setting(writer, "telemetryPeriodMs", settings->telemetry_period_ms);
    if (settings->role != 0) {
        ef_json_put_text(writer, "role", roles[settings->role]);
    }
    if (settings->has_sources) {
        ef_json_open(writer, "sources", '[');
        for (size_t at = 0; at < settings->sources_length; at += strlen(settings->sources + at) + 1) {
            ef_json_put_text(writer, NULL, settings->sources + at);
        }
        ef_json_close(writer, ']');
    }
    ef_json_close(writer, '}');
}

/* Whether its texts end where they should, so that it can be written. */
static bool is_whole(const ef_command_record *record, size_t length) {
    const ef_settings *settings = &record->settings;
    uint16_t names = settings->sources_length;
    return length >= shortest_command && names <= sizeof settings->sources && length == ef_command_length(record) &&
           (names == 0 || (settings->has_sources && settings->sources[names - 1] == '\0')) &&
           ends_in_nul(record->commission, sizeof record->commission) &&
           ends_in_nul(settings->threshold, sizeof settings->threshold) &&
           strspn(settings->threshold, "0123456789+-.eE") == strlen(settings->threshold) &&
           settings->role <= EF_ROLE_LEVEL2;
}

bool ef_command_makes_sense(const ef_command_record *record, size_t length, const ef_workspace *workspace) {
    char *text = (char *)workspace->payload;
    ef_writer writer;
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    if (!is_whole(record, length) || record->manifest_bytes > EF_ENVELOPE_MAX) {
        return false;
    }
    ef_writer_begin(&writer, text, workspace->payload_capacity);
    ef_json_open(&writer, NULL, '{');
    ef_json_put_integer(&writer, "schema", EF_SCHEMA_VERSION);
    ef_json_put_text(&writer, "deviceID", "this-device");
    ef_json_put_integer(&writer, "generation", record->generation);
    ef_settings_put(&record->settings, &writer);
    ef_json_put_integer(&writer, "jitterSeconds", record->jitter_seconds);
    if (record->commission[0] != '\0') {
        ef_json_put_text(&writer, "commission", record->commission);
    }
    ef_json_close(&writer, '}');
    return !writer.full && ef_contract_read(&ef_document_assignment, workspace->payload, writer.length,
                                            workspace->tokens, workspace->capacity, &json, &fault) == EF_REASON_OK;
}

bool ef_slot_makes_sense(const ef_slot *slot, uint32_t slot_bytes) {
    return slot->state <= EF_SLOT_FILLING && slot->size_bytes > 0 && slot->size_bytes <= slot_bytes &&
           slot->manifest_bytes > 0 && slot->manifest_bytes <= EF_ENVELOPE_MAX && slot->security_version >= 0 &&
           slot->security_version <= INT32_MAX && is_text_of(EF_PATTERN_DNS_LABEL, slot->model, sizeof slot->model) &&
           is_text_of(EF_PATTERN_SEMVER, slot->version, sizeof slot->version);
}

bool ef_outcome_makes_sense(const ef_outcome *outcome) {
    return outcome->phase < EF_PHASE_COUNT && outcome->reason < EF_REASON_COUNT &&
           ends_in_nul(outcome->note, sizeof outcome->note);
}

bool ef_enrolment_makes_sense(const ef_enrolment *enrolment) {
    return is_text_of(EF_PATTERN_TOKEN, enrolment->token, sizeof enrolment->token);
}
