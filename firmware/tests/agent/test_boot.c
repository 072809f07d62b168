/* What a device does with what it finds in flash. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void begin(bench *b, const test_setting *setting, const char *const *orders) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    for (; *orders != NULL; orders++) {
        CHECK(bench_send(b, *orders) == BENCH_RAN);
        CHECK(bench_settle(b) == BENCH_RAN);
    }
}

static void boot(bench *b) {
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(b->agent != NULL);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void end(bench *b) {
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    bench_free(b);
}

static const char *const two_models[] = {"first", "second", NULL};
static const char *const one_model[] = {"first", NULL};
static const char *const two_models_floor[] = {"first", "third", NULL};
static const char *const nothing[] = {NULL};

static void test_a_restart_keeps_all_and_boots_are_alike(const test_setting *setting) {
    char enrolment[64];
    bench b;
    begin(&b, setting, two_models);
    (void)snprintf(enrolment, sizeof enrolment, "%s", bench_said(&b, "enrolmentId"));
    for (unsigned i = 2; i < 8; i++) {
        char count[8];
        (void)snprintf(count, sizeof count, "%u", i);
        boot(&b);
        CHECK_TEXT(b.phases, "Confirmed");
        CHECK_SAID(&b, "bootCount", count);
        CHECK_SAID(&b, "seq", "0");
        CHECK_SAID(&b, "enrolmentId", enrolment);
        CHECK_SAID(&b, "observedGeneration", "30064771074");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK_SAID(&b, "previous.version", "1.0.0");
        CHECK_SAID(&b, "settings.role", "level2");
        CHECK_SAID(&b, "arenaUsedBytes", "1234");
        CHECK_SAID(&b, "securityFloor", "3");
        CHECK(bench_runs_what_it_says(&b));
    }
    CHECK(b.registry.requests == 4);
    end(&b);
}

static void rot(const test_setting *setting, uint32_t where) {
    bench b;
    begin(&b, setting, two_models);
    b.flash.bytes[where] ^= 4;
    for (unsigned i = 0; i < 2; i++) {
        boot(&b);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_TEXT(b.phases, "RolledBack");
        CHECK_SAID(&b, "reason", "DigestMismatch");
        CHECK_SAID(&b, "observedGeneration", "30064771074");
        CHECK_SAID(&b, "active.version", "1.0.0");
        CHECK_SAID(&b, "previous", "");
    }
    CHECK(bench_send(&b, "second-last") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    end(&b);
}

static void test_a_rotten_active_slot_falls_back(const test_setting *setting) {
    rot(setting, ef_model_at(1, BENCH_SLOT_BYTES));
    rot(setting, ef_model_at(1, BENCH_SLOT_BYTES) + 8999);
    rot(setting, ef_manifest_at(1) + 100);
}

static void test_a_model_that_loads_no_more_falls_back(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models);
    b.runtime.refusals = 1;
    boot(&b);
    CHECK_TEXT(b.phases, "RolledBack");
    CHECK_SAID(&b, "reason", "ModelLoadFailed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    end(&b);
}

static void test_a_fallback_obeys_the_security_floor(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models_floor);
    b.flash.bytes[ef_model_at(1, BENCH_SLOT_BYTES)] ^= 4;
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(b.runtime.model == NULL);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "3.0.0");
    end(&b);
}

/* The model is gone, its floor is not. */
static void test_the_floor_outlives_the_model_that_raised_it(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models_floor);
    b.flash.bytes[ef_model_at(1, BENCH_SLOT_BYTES) + 5000] ^= 1;
    b.registry.manner = REGISTRY_UNREACHABLE;
    for (unsigned i = 0; i < 3; i++) {
        CHECK(bench_boot(&b) == BENCH_RAN);
        CHECK(bench_poll(&b) == BENCH_RAN);
        CHECK_SAID(&b, "securityFloor", "4");
        CHECK(b.runtime.model == NULL);
    }
    end(&b);
}

/* One bit anywhere in the journal costs at most the record that it lies in: never the floor, never the power to boot, and
 * the next command finds a device that obeys. */
static void test_a_rotten_bit_in_the_journal_does_not_lower_the_floor(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models);
    uint8_t *before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    for (uint32_t at = 0; at < EF_MANIFESTS_AT; at += 3) {
        if (before[EF_JOURNAL_AT + at] == 0xFF) {
            continue; /* nothing is written there */
        }
        memcpy(b.flash.bytes, before, b.flash.size);
        b.flash.bytes[EF_JOURNAL_AT + at] ^= (uint8_t)(1u << at % 8);
        boot(&b);
        CHECK_SAID(&b, "securityFloor", "3");
        CHECK(bench_runs_what_it_says(&b));
        CHECK(bench_send(&b, "third-last") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "active.version", "3.0.0");
        CHECK(bench_runs_what_it_says(&b));
    }
    free(before);
    end(&b);
}

/* A record with a good checksum that says what nobody could have signed counts as none. */
static void test_a_command_that_nobody_could_sign_is_none(const test_setting *setting) {
    static const struct {
        const char *threshold;
        uint32_t sample_period_ms;
        uint32_t jitter_seconds;
        const char *commission;
        const char *names; /* two of five characters with their NULs */
        bool good;
    } records[] = {
        {"0.25", 10, 0, "", "aa-aa\0bb-bb", true},  {"+++", 10, 0, "", "aa-aa\0bb-bb", false},
        {"7", 10, 0, "", "aa-aa\0bb-bb", false},    {"0.25", 3600001, 0, "", "aa-aa\0bb-bb", false},
        {"", 0, 86401, "", "aa-aa\0bb-bb", false},  {"", 0, 86400, "\x80", "aa-aa\0bb-bb", false},
        {"", 0, 0, "again", "aa-aa\0bb\"bb", false}, {"", 0, 0, "again", "aa-aa\0bb-bb", true},
    };
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        bench b;
        begin(&b, setting, one_model);
        ef_command_record command = b.agent->command;
        ef_settings *settings = &command.settings;
        memset(settings, 0, sizeof *settings);
        (void)snprintf(settings->threshold, sizeof settings->threshold, "%s", records[i].threshold);
        settings->sample_period_ms = records[i].sample_period_ms;
        settings->has_sources = 1;
        settings->sources_length = 12;
        memcpy(settings->sources, records[i].names, 12);
        command.jitter_seconds = records[i].jitter_seconds;
        memset(command.commission, 0, sizeof command.commission);
        (void)snprintf(command.commission, sizeof command.commission, "%s", records[i].commission);
        CHECK(ef_journal_put(&b.agent->journal, EF_RECORD_COMMAND, &command, ef_command_length(&command)));
        boot(&b);
        CHECK_SAID(&b, "observedGeneration", records[i].good ? "30064771073" : "0");
        CHECK_SAID(&b, "active.version", "1.0.0");
        end(&b);
    }
}

static void test_the_only_model_is_fetched_again_when_it_rots(const test_setting *setting) {
    bench b;
    begin(&b, setting, one_model);
    b.flash.bytes[ef_model_at(0, BENCH_SLOT_BYTES) + 77] ^= 4;
    b.registry.manner = REGISTRY_ERROR;
    b.registry.times = 5;
    boot(&b);
    CHECK_TEXT(b.phases, "Downloading Failed Verifying Testing Confirmed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    end(&b);
}

static void test_a_rotten_previous_slot_is_not_reported(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models);
    b.flash.bytes[ef_model_at(0, BENCH_SLOT_BYTES) + 77] ^= 4;
    boot(&b);
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "previous", "");
    end(&b);
}

static void test_an_interrupted_update_goes_on_by_itself(const test_setting *setting) {
    static const ef_step steps[] = {EF_STEP_MANIFEST, EF_STEP_JUDGE,  EF_STEP_ERASE,
                                    EF_STEP_FILL,     EF_STEP_REHASH, EF_STEP_PROBE};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bench b;
        begin(&b, setting, one_model);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        while (b.agent->update.step != steps[i]) {
            CHECK(bench_run(&b, 1) == BENCH_RAN);
        }
        boot(&b);
        CHECK_SAID(&b, "phase", "Confirmed");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK_SAID(&b, "settings.role", "level2");
        /* What was fetched whole is not fetched again. */
        CHECK(b.registry.requests == (steps[i] >= EF_STEP_REHASH ? 4 : b.registry.requests));
        end(&b);
    }
}

/* A slot counts as whole only once it is: its record was taken back before its first byte was overwritten. */
static void test_a_slot_that_is_overwritten_counts_no_more(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models);
    CHECK(bench_send(&b, "third") == BENCH_RAN);
    while (b.agent->update.step != EF_STEP_ERASE) {
        CHECK(bench_run(&b, 1) == BENCH_RAN);
    }
    while (b.agent->update.step == EF_STEP_ERASE) {
        CHECK(b.agent->slots[0].state == EF_SLOT_EMPTY);
        CHECK_SAID(&b, "previous", "");
        CHECK(bench_poll(&b) == BENCH_RAN);
    }
    while (b.agent->update.step != EF_STEP_FILL || b.agent->update.fetch.done < 2000) {
        CHECK(bench_run(&b, 1) == BENCH_RAN);
    }
    CHECK(b.agent->slots[0].state == EF_SLOT_FILLING);
    CHECK_SAID(&b, "previous", "");
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(b.agent->slots[0].state == EF_SLOT_FILLING);
    CHECK_SAID(&b, "previous", "");
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "3.0.0");
    CHECK_SAID(&b, "previous.version", "2.0.0");
    end(&b);
}

static void test_any_flash_content_boots(const test_setting *setting) {
    for (uint32_t seed = 1; seed <= 150; seed++) {
        bench b;
        uint32_t random = seed;
        uint32_t damage = seed % 5 == 0 ? 40000 : 1 + seed % 40;
        begin(&b, setting, nothing);
        if (seed % 3 != 0) {
            CHECK(bench_send(&b, "first") == BENCH_RAN);
            CHECK(bench_settle(&b) == BENCH_RAN);
        }
        for (uint32_t i = 0; i < damage; i++) {
            random = random * 1664525u + 1013904223u;
            /* Half of the damage goes to the journal. */
            uint32_t range = i % 2 == 0 ? EF_MANIFESTS_AT : b.flash.size;
            b.flash.bytes[(random >> 8) % range] ^= (uint8_t)(1u << (random >> 5) % 8);
        }
        boot(&b);
        CHECK(bench_runs_what_it_says(&b));
        CHECK(bench_send(&b, "second-last") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "active.version", "2.0.0");
        end(&b);
    }
}

static void test_a_board_that_cannot_remember_does_not_start(const test_setting *setting) {
    bench b;
    begin(&b, setting, nothing);
    b.flash.fails = true;
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(b.agent == NULL);
    b.flash.fails = false;
    memset(b.flash.bytes, 0xFF, b.flash.size);
    b.random_fails = true;
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(b.agent == NULL);
    bench_free(&b);
}

/* Flash wears out at any moment of a boot that finds the active model rotten. */
static void test_worn_out_flash_does_not_name_a_model_that_does_not_run(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models);
    b.flash.bytes[ef_model_at(1, BENCH_SLOT_BYTES)] ^= 4;
    uint8_t *before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    unsigned named = 0;
    for (unsigned changes = 1; changes < 16; changes++) {
        memcpy(b.flash.bytes, before, b.flash.size);
        b.flash.fails = false;
        b.flash.changes_left = changes;
        CHECK(bench_boot(&b) == BENCH_RAN);
        if (b.agent != NULL) {
            CHECK(bench_run(&b, 100) == BENCH_RAN);
            CHECK_SAID(&b, "active.version", "1.0.0");
            CHECK_SAID(&b, "previous", "");
            CHECK(bench_runs_what_it_says(&b));
            named++;
        }
    }
    CHECK(named > 8);
    free(before);
    end(&b);
}

static void test_a_board_that_makes_no_sense_does_not_start(const test_setting *setting) {
    bench b;
    begin(&b, setting, nothing);
    const ef_agent_config good = b.config;
    CHECK(ef_agent_start(b.memory, ef_agent_size() - 1, &good, &b.hal) == NULL);
    ef_agent_config bad = good;
    bad.device_id = "../x";
    CHECK(ef_agent_start(b.memory, ef_agent_size(), &bad, &b.hal) == NULL);
    bad = good;
    bad.slot_bytes = 5000;
    CHECK(ef_agent_start(b.memory, ef_agent_size(), &bad, &b.hal) == NULL);
    bad = good;
    bad.firmware_version = "1";
    CHECK(ef_agent_start(b.memory, ef_agent_size(), &bad, &b.hal) == NULL);
    bench_free(&b);
}

static void wear_out(const test_setting *setting, ef_step step, const char *order) {
    bench b;
    begin(&b, setting, two_models);
    CHECK(bench_send(&b, order) == BENCH_RAN);
    while (b.agent->update.step != step) {
        CHECK(bench_run(&b, 1) == BENCH_RAN);
    }
    b.flash.fails = true;
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Failed");
    CHECK_SAID(&b, "reason", "FlashError");
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK(bench_runs_what_it_says(&b));
    /* And a command that cannot be remembered is not obeyed. */
    CHECK(bench_send(&b, "second-last") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Failed");
    CHECK(strstr(bench_said(&b, "message"), "refused a command: FlashError") != NULL);
    end(&b);
}

static void test_flash_that_wears_out_keeps_the_old_model(const test_setting *setting) {
    static const ef_step steps[] = {EF_STEP_MANIFEST, EF_STEP_JUDGE, EF_STEP_ERASE,
                                    EF_STEP_FILL,     EF_STEP_PROBE, EF_STEP_COMMIT};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        wear_out(setting, steps[i], "third");
    }
}

/* Flash that takes bytes and gives back others. */
static void test_flash_that_forgets_keeps_the_old_model(const test_setting *setting) {
    for (unsigned often = 1; often <= 4; often += 3) {
        bench b;
        begin(&b, setting, one_model);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        for (unsigned i = 0; i < often; i++) {
            while (b.agent->update.step != EF_STEP_REHASH) {
                CHECK(bench_run(&b, 1) == BENCH_RAN);
            }
            b.flash.bytes[ef_model_at(1, BENCH_SLOT_BYTES) + 8000] ^= 1;
            while (b.agent->update.step == EF_STEP_REHASH) {
                CHECK(bench_run(&b, 1) == BENCH_RAN);
            }
        }
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "phase", often == 1 ? "Confirmed" : "Failed");
        CHECK_SAID(&b, "reason", often == 1 ? "Ok" : "FlashError");
        CHECK_SAID(&b, "active.version", often == 1 ? "2.0.0" : "1.0.0");
        end(&b);
    }
}

static bool program_badly(void *context, uint32_t offset, const void *bytes, size_t length) {
    bench *b = context;
    bool done = flash_program(&b->flash, offset, bytes, length);
    if (offset >= EF_UNWRAPPED_AT && offset < EF_MODELS_AT) {
        b->flash.bytes[offset + length / 2] ^= 1;
    }
    return done;
}

/* What lies decoded in flash counts by its digest: not by its place, and not because it was just written there. */
static void test_the_payload_in_flash_is_the_wanted_one(const test_setting *setting) {
    bench b;
    begin(&b, setting, two_models);
    unsigned requests = b.registry.requests;
    CHECK(b.flash.bytes[EF_UNWRAPPED_AT] == '{');
    CHECK(bench_send(&b, "back") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK(b.registry.requests == requests);
    end(&b);

    begin(&b, setting, one_model);
    b.hal.flash.program = program_badly;
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Failed");
    CHECK_SAID(&b, "reason", "FlashError");
    CHECK_SAID(&b, "active.version", "1.0.0");
    end(&b);
}

static void test_the_will_says_offline(const test_setting *setting) {
    char topic[128];
    uint8_t document[EF_PRESENCE_MAX + 1];
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_json_token tokens[32];
    size_t length = 0;
    bench b;
    begin(&b, setting, nothing);
    CHECK(ef_agent_will(b.agent, topic, sizeof topic, document, sizeof document, &length));
    CHECK_TEXT(topic, "fleet/v1/dev/esp32-0001/presence");
    CHECK(ef_contract_read(&ef_documents[EF_DOCUMENT_PRESENCE], document, length, tokens, 32, &json, &fault) ==
          EF_REASON_OK);
    CHECK(ef_json_text_is(&json, ef_json_member(&json, 0, "status"), "offline"));
    CHECK(!ef_agent_will(b.agent, topic, sizeof topic, document, 40, &length));
    CHECK(!ef_agent_will(b.agent, topic, 10, document, sizeof document, &length));
    bench_free(&b);
}

const named_test boot_tests[] = {
    {"a-restart-keeps-all-and-boots-are-alike", test_a_restart_keeps_all_and_boots_are_alike},
    {"a-rotten-active-slot-falls-back", test_a_rotten_active_slot_falls_back},
    {"a-model-that-loads-no-more-falls-back", test_a_model_that_loads_no_more_falls_back},
    {"a-fallback-obeys-the-security-floor", test_a_fallback_obeys_the_security_floor},
    {"the-floor-outlives-the-model-that-raised-it", test_the_floor_outlives_the_model_that_raised_it},
    {"a-rotten-bit-in-the-journal-does-not-lower-the-floor",
     test_a_rotten_bit_in_the_journal_does_not_lower_the_floor},
    {"a-command-that-nobody-could-sign-is-none", test_a_command_that_nobody_could_sign_is_none},
    {"worn-out-flash-does-not-name-a-model-that-does-not-run",
     test_worn_out_flash_does_not_name_a_model_that_does_not_run},
    {"the-only-model-is-fetched-again-when-it-rots", test_the_only_model_is_fetched_again_when_it_rots},
    {"a-rotten-previous-slot-is-not-reported", test_a_rotten_previous_slot_is_not_reported},
    {"an-interrupted-update-goes-on-by-itself", test_an_interrupted_update_goes_on_by_itself},
    {"a-slot-that-is-overwritten-counts-no-more", test_a_slot_that_is_overwritten_counts_no_more},
    {"any-flash-content-boots", test_any_flash_content_boots},
    {"a-board-that-cannot-remember-does-not-start", test_a_board_that_cannot_remember_does_not_start},
    {"a-board-that-makes-no-sense-does-not-start", test_a_board_that_makes_no_sense_does_not_start},
    {"flash-that-wears-out-keeps-the-old-model", test_flash_that_wears_out_keeps_the_old_model},
    {"flash-that-forgets-keeps-the-old-model", test_flash_that_forgets_keeps_the_old_model},
    {"the-payload-in-flash-is-the-wanted-one", test_the_payload_in_flash_is_the_wanted_one},
    {"the-will-says-offline", test_the_will_says_offline},
    {NULL, NULL},
};
