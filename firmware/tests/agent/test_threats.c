/* What an attacker tries on a device, by the name of the attack. Model 1.0.0 runs when it begins, unless a test says
 * otherwise, and goes on running. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "context.h"
#include "files.h"

enum { DIGEST_CHARS = 64, YEAR_MS_1000 = 31536000 };

static void begin(bench *b, const test_setting *setting) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_send(b, "first") == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
    bench_forget(b);
}

static void obey(bench *b, const char *name) {
    CHECK(bench_send(b, name) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void boot(bench *b) {
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

/* What a device must be after an attack: what it was. */
static void end(bench *b) {
    CHECK_SAID(b, "active.version", "1.0.0");
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    boot(b);
    CHECK_SAID(b, "active.version", "1.0.0");
    CHECK(bench_runs_what_it_says(b));
    bench_free(b);
}

/* The digest of the manifest that a command names. */
static void digest_of(const test_setting *setting, const char *order, char digest[DIGEST_CHARS + 1]) {
    char path[128];
    size_t length = 0;
    (void)snprintf(path, sizeof path, "desired/%s.json", order);
    char *text = (char *)file_read(setting->updates, path, &length);
    const char *at = strstr(text, "\"digest\":\"");
    if (at == NULL) {
        give_up("names no manifest", order);
    }
    (void)snprintf(digest, DIGEST_CHARS + 1, "%s", at + strlen("\"digest\":\""));
    free(text);
}

/* The digest of the model that the manifest in a slot names. */
static void model_of(const bench *b, unsigned slot, char digest[DIGEST_CHARS + 1]) {
    for (size_t i = 0; i < EF_SHA256_BYTES; i++) {
        (void)snprintf(digest + 2 * i, 3, "%02x", b->agent->slots[slot].sha256[i]);
    }
}

static void test_tampered_manifest(const test_setting *setting) {
    uint8_t *before = NULL;
    bench b;
    begin(&b, setting);
    b.documents = NULL;
    before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    b.registry.tampered = "manifests";
    b.registry.tampered_step = 1;
    /* Each byte once: a device asks four times, and finds another one changed each time. */
    for (size_t i = 0; i < 1290; i += 4) {
        memcpy(b.flash.bytes, before, b.flash.size);
        b.registry.tampered_at = i < 1286 ? i : 1286;
        b.registry.mask = (uint8_t)(1u << i / 4 % 8);
        CHECK(bench_boot(&b) == BENCH_RAN);
        obey(&b, "second");
        CHECK_TEXT(b.phases, "Downloading Rejected");
        CHECK_SAID(&b, "active.version", "1.0.0");
        CHECK(bench_runs_what_it_says(&b));
    }
    CHECK(b.registry.requests == 2 + 323 * 4); /* and no model was asked for */
    free(before);
    end(&b);
}

/* What a proxy spoils once does not cost the device its generation. */
static void test_manifest_spoiled_once(const test_setting *setting) {
    for (unsigned times = 1; times <= 4; times++) {
        bench b;
        begin(&b, setting);
        b.registry.tampered = "manifests";
        b.registry.tampered_at = 700;
        b.registry.mask = 1;
        b.registry.tampered_times = times;
        obey(&b, "second");
        CHECK_TEXT(b.phases, times < 4 ? "Downloading Verifying Testing Confirmed" : "Downloading Rejected");
        CHECK_SAID(&b, "active.version", times < 4 ? "2.0.0" : "1.0.0");
        CHECK(bench_runs_what_it_says(&b) && b.broken == 0);
        bench_free(&b);
    }
}

static void test_tampered_model(const test_setting *setting) {
    for (size_t page = 0; page < 9000; page += 256) {
        bench b;
        begin(&b, setting);
        b.registry.tampered = "blobs";
        b.registry.tampered_at = page + page / 256 % 256;
        b.registry.mask = (uint8_t)(1u << page / 256 % 8);
        obey(&b, "second");
        CHECK_TEXT(b.phases, "Downloading Failed");
        CHECK_SAID(&b, "reason", "DigestMismatch");
        end(&b);
    }
}

/* Everything that was valid once, once more. */
static void test_rollback(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "second");
    obey(&b, "third");
    for (unsigned i = 0; i < 2; i++) {
        obey(&b, "first");
        obey(&b, "second");
        CHECK_SAID(&b, "active.version", "3.0.0");
        CHECK_SAID(&b, "observedGeneration", "30064771077");
        CHECK_SAID(&b, "message", "refused a command: StaleGeneration at assignment.payload.generation");
        boot(&b);
    }
    /* Also under a new generation: below the security version that was accepted there is no way back. */
    obey(&b, "back-below-the-floor");
    CHECK_SAID(&b, "reason", "SecurityVersionTooLow");
    CHECK_SAID(&b, "active.version", "3.0.0");
    CHECK(bench_runs_what_it_says(&b));
    bench_free(&b);
}

/* The same while power fails at every operation of the update that shall be rolled back. */
static void test_rollback_after_a_power_cut(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    uint8_t *before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    bench_cut_at(&b, 0);
    CHECK(bench_boot(&b) == BENCH_RAN);
    obey(&b, "third");
    uint32_t operations = b.flash.operations;
    uint64_t *began = malloc(operations * sizeof *began);
    memcpy(began, b.flash.began, operations * sizeof *began);
    for (uint32_t i = 0; i < operations; i++) {
        memcpy(b.flash.bytes, before, b.flash.size);
        bench_cut_at(&b, began[i] + 1);
        bench_end how = bench_boot(&b);
        how = how == BENCH_RAN ? bench_send(&b, "third") : how;
        how = how == BENCH_RAN ? bench_settle(&b) : how;
        CHECK(how == BENCH_CUT);
        bench_cut_at(&b, 0);
        boot(&b);
        int64_t floor = strtoll(bench_said(&b, "securityFloor"), NULL, 10);
        bool seen = strcmp(bench_said(&b, "observedGeneration"), "30064771077") == 0;
        obey(&b, "first");
        CHECK_SAID(&b, "observedGeneration", seen ? "30064771077" : "30064771073");
        CHECK(strtoll(bench_said(&b, "securityFloor"), NULL, 10) >= floor);
        CHECK(bench_runs_what_it_says(&b));
        if (strcmp(bench_said(&b, "reason"), "WatchdogReset") != 0) {
            CHECK_SAID(&b, "active.version", seen ? "3.0.0" : "1.0.0");
        }
    }
    free(began);
    free(before);
    bench_free(&b);
}

/* A manifest that was signed, in place of the one that was assigned. */
static void test_mix_and_match_manifests(const test_setting *setting) {
    static const char *const pairs[][2] = {{"second", "third"}, {"third", "second"}};
    for (size_t i = 0; i < 2; i++) {
        char wanted[DIGEST_CHARS + 1];
        char other[DIGEST_CHARS + 1];
        char path[128];
        bench b;
        begin(&b, setting);
        digest_of(setting, pairs[i][0], wanted);
        digest_of(setting, pairs[i][1], other);
        (void)snprintf(path, sizeof path, "v1/manifests/sha256/%s", other);
        b.registry.swapped = wanted;
        b.registry.with = path;
        obey(&b, pairs[i][0]);
        CHECK_SAID(&b, "phase", "Rejected");
        CHECK_SAID(&b, "reason", "ManifestMismatch");
        end(&b);
    }
}

/* The newer manifest with the older model's bytes, and the reverse. */
static void test_mix_and_match_models(const test_setting *setting) {
    static const char *const pairs[][2] = {{"second", "third"}, {"third", "second"}};
    for (size_t i = 0; i < 2; i++) {
        char digests[2][DIGEST_CHARS + 1];
        char path[128];
        for (size_t each = 0; each < 2; each++) {
            bench honest;
            begin(&honest, setting);
            obey(&honest, pairs[i][each]);
            model_of(&honest, 1, digests[each]);
            bench_free(&honest);
        }
        bench b;
        begin(&b, setting);
        (void)snprintf(path, sizeof path, "v1/blobs/sha256/%s", digests[1]);
        b.registry.swapped = digests[0];
        b.registry.with = path;
        obey(&b, pairs[i][0]);
        CHECK_SAID(&b, "phase", "Failed");
        CHECK_SAID(&b, "reason", "DigestMismatch");
        end(&b);
    }
}

/* One command's manifest beside another one's signed assignment. */
static void test_mix_and_match_messages(const test_setting *setting) {
    bench b;
    size_t length = 0;
    char third[DIGEST_CHARS + 1];
    begin(&b, setting);
    digest_of(setting, "third", third);
    char *text = (char *)file_read(setting->updates, "desired/second.json", &length);
    memcpy(strstr(text, "\"digest\":\"") + strlen("\"digest\":\""), third, DIGEST_CHARS);
    CHECK(bench_send_bytes(&b, (const uint8_t *)text, length) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "message", "refused a command: ManifestMismatch at manifest");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    free(text);
    end(&b);
}

/* Numbers at their end, to lock out whoever comes after. */
static void test_fast_forward(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    CHECK(bench_send_keys(&b, "fast-forward-of-a-stranger") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "message", "refused a key bundle: UnknownKey at signatures");
    CHECK(bench_send_keys(&b, "both") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "message", "");
    /* Who holds a release key can do it; docs/firmware.md says what then. */
    CHECK(bench_send_keys(&b, "fast-forward") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK(strstr(bench_said(&b, "keyIds"), b.keys[2].keyid) != NULL);
    CHECK(strstr(bench_said(&b, "keyIds"), b.keys[0].keyid) == NULL);
    CHECK(bench_send_keys(&b, "back") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "message", "refused a key bundle: StaleGeneration at payload.version");
    end(&b);
}

/* Whoever may publish everything, and has no key: strangers' signatures, other devices' commands, scraps of good
 * documents, each on every topic. */
static void test_broker_compromise(const test_setting *setting) {
    static const char *const documents[] = {
        "desired/of-a-stranger.json", "desired/to-another.json",        "desired/first-other-bytes.json",
        "desired/other-keys.json",    "keys/fast-forward-of-a-stranger.json", "keys/back.json",
        "keys/made-with.json",        "keys.tsv",
    };
    static const char *const topics[] = {"fleet/v1/dev/esp32-0001/desired", "fleet/v1/keys",
                                         "fleet/v1/dev/esp32-0001/reported", "fleet/v1/dev/esp32-0002/desired", "$SYS"};
    bench b;
    begin(&b, setting);
    uint64_t work = b.flash.work;
    unsigned requests = b.registry.requests;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        size_t length = 0;
        uint8_t *bytes = file_read(setting->updates, documents[i], &length);
        for (size_t topic = 0; topic < sizeof topics / sizeof topics[0]; topic++) {
            for (size_t size = 0; size <= length; size += length / 3) {
                ef_agent_message(b.agent, topics[topic], strlen(topics[topic]), bytes, size);
                CHECK(bench_poll(&b) == BENCH_RAN);
            }
        }
        free(bytes);
    }
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK(b.flash.work == work);
    CHECK(b.registry.requests == requests);
    CHECK_TEXT(b.phases, "Confirmed");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    end(&b);
}

/* A model that somebody without a release key made, assigned by somebody with an assignment key. */
static void test_forged_manifest(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "forged-manifest");
    CHECK_SAID(&b, "phase", "Rejected");
    CHECK_SAID(&b, "reason", "UnknownKey");
    CHECK(strstr(b.registry.request, "GET /v1/manifests/") == b.registry.request);
    end(&b);
}

static uint32_t next_random(uint32_t *random) {
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Ten commands, each once or more often, in any order and at any moment. */
static void test_replayed_duplicated_and_reordered_commands(const test_setting *setting) {
    static const char *const orders[] = {"first", "second", "second-again",       "back",         "settings",
                                         "later", "fatal",  "refused-by-runtime", "wrong-answer", "second-last"};
    for (uint32_t seed = 1; seed <= 100; seed++) {
        uint32_t random = seed;
        size_t sent[10] = {0};
        int64_t highest = 0;
        bench b;
        bench_make(&b, setting->updates, NULL);
        CHECK(bench_boot(&b) == BENCH_RAN);
        for (unsigned left = 10; left > 0;) {
            size_t which = next_random(&random) % 10;
            left -= sent[which]++ == 0;
            bench_end how = bench_send(&b, orders[which]);
            if (how == BENCH_RAN) {
                how = next_random(&random) % 3 == 0 ? bench_settle(&b) : bench_run(&b, next_random(&random) % 60);
            }
            /* Some of these models take the device with them. */
            CHECK(how == BENCH_RAN ? b.agent != NULL : bench_boot(&b) == BENCH_RAN);
            CHECK(b.agent->command.generation >= highest);
            highest = b.agent->command.generation;
        }
        while (bench_settle(&b) != BENCH_RAN) {
            CHECK(bench_boot(&b) == BENCH_RAN);
        }
        CHECK_SAID(&b, "observedGeneration", "30064771092");
        CHECK_SAID(&b, "phase", "Confirmed");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK(bench_runs_what_it_says(&b));
        CHECK(b.broken == 0);
        bench_free(&b);
    }
}

static void test_wrong_device_or_class(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "to-another");
    CHECK_SAID(&b, "message", "refused a command: WrongDevice at assignment.payload.deviceID");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    obey(&b, "other-class");
    CHECK_SAID(&b, "phase", "Rejected");
    CHECK_SAID(&b, "reason", "WrongClass");
    CHECK(strstr(b.registry.request, "GET /v1/manifests/") == b.registry.request);
    end(&b);
}

/* For an hour. The device goes on asking, seldom, and its flash does not wear. */
static void endure(const test_setting *setting, registry_manner manner, const char *only, uint32_t most_erases) {
    bench b;
    begin(&b, setting);
    memset(b.flash.erases, 0, sizeof b.flash.erases);
    b.registry.manner = manner;
    b.registry.only = only;
    b.registry.times = UINT32_MAX;
    b.registry.after = 3000;
    unsigned opened = b.registry.opened;
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    CHECK(bench_run(&b, 3600000) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Failed");
    CHECK_SAID(&b, "reason", "DownloadFailed");
    CHECK(b.registry.opened - opened > 3 && b.registry.opened - opened < 100);
    for (size_t i = 0; i < 64; i++) {
        CHECK(b.flash.erases[i] <= most_erases);
    }
    end(&b);
}

static void test_endless_data(const test_setting *setting) {
    endure(setting, REGISTRY_ENDLESS, NULL, 0);
    endure(setting, REGISTRY_ENDLESS, "blobs", 1);
}

static void test_slow_retrieval(const test_setting *setting) {
    /* A trickle is progress: what came is kept over ten minutes' end, until it is all there. */
    endure(setting, REGISTRY_SILENT, "blobs", 1);
    endure(setting, REGISTRY_TRICKLES, "blobs", 1);
}

static void test_truncated_data(const test_setting *setting) {
    /* Each answer ends before the manifest does. */
    bench b;
    begin(&b, setting);
    b.registry.manner = REGISTRY_CUTS;
    b.registry.times = UINT32_MAX;
    b.registry.after = 0;
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    CHECK(bench_run(&b, 3600000) == BENCH_RAN);
    CHECK_SAID(&b, "reason", "DownloadFailed");
    end(&b);
}

static void test_oversized_for_slot_or_arena(const test_setting *setting) {
    static const char *const orders[][2] = {{"too-large", "DoesNotFit"}, {"greedy", "ArenaTooSmall"}};
    for (size_t i = 0; i < 2; i++) {
        bench b;
        begin(&b, setting);
        obey(&b, orders[i][0]);
        CHECK_SAID(&b, "phase", "Rejected");
        CHECK_SAID(&b, "reason", orders[i][1]);
        CHECK(strstr(b.registry.request, "GET /v1/manifests/") == b.registry.request);
        end(&b);
    }
}

/* A bit, in every region. What runs is whole, or nothing runs and the model is fetched again. */
static void test_corrupted_flash(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    b.documents = NULL;
    obey(&b, "second");
    uint8_t *before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    for (uint32_t at = 0; at < b.flash.size; at += before[at] == 0xFF ? 997 : 37) {
        memcpy(b.flash.bytes, before, b.flash.size);
        b.flash.bytes[at] ^= (uint8_t)(1u << at % 8);
        boot(&b);
        CHECK(bench_said(&b, "active.version")[0] != '\0');
        CHECK(bench_runs_what_it_says(&b));
        obey(&b, "second-last");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK(bench_runs_what_it_says(&b));
        CHECK(b.broken == 0);
    }
    free(before);
    bench_free(&b);
}

static void test_crash_looping_model(const test_setting *setting) {
    static const char *const orders[] = {"fatal", "crashes-when-loaded", "hangs", "hangs-when-loaded"};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        unsigned crashes = 0;
        bench b;
        begin(&b, setting);
        for (unsigned boots = 0; boots < 6; boots++) {
            CHECK(bench_send(&b, orders[i]) == BENCH_RAN);
            crashes += bench_settle(&b) == BENCH_CRASHED;
            CHECK(bench_boot(&b) == BENCH_RAN);
        }
        CHECK(crashes == 1);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "phase", "Failed");
        CHECK_SAID(&b, "reason", "WatchdogReset");
        end(&b);
    }
}

/* No time, the time, and clocks that are years off: the same flash in the end, byte for byte. */
static void test_clock_skew(const test_setting *setting) {
    static const int64_t now = 1767225600000;
    static const int64_t clocks[] = {0, 1767225600000, -1};
    uint8_t *flash = NULL;
    for (size_t i = 0; i < 5; i++) {
        int64_t year = (int64_t)YEAR_MS_1000 * 1000;
        bench b;
        bench_make(&b, setting->updates, setting->documents);
        b.unix_ms = i < 3 ? clocks[i] : now + (i == 3 ? year : -year);
        CHECK(bench_boot(&b) == BENCH_RAN);
        obey(&b, "first");
        b.unix_ms = i < 3 ? clocks[i] : now - (i == 3 ? year : -year); /* and it jumps */
        obey(&b, "second");
        CHECK(bench_send_keys(&b, "both") == BENCH_RAN);
        CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed Downloading Verifying Testing Confirmed");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK(bench_runs_what_it_says(&b));
        if (flash == NULL) {
            flash = malloc(b.flash.size);
            memcpy(flash, b.flash.bytes, b.flash.size);
        }
        CHECK(memcmp(flash, b.flash.bytes, b.flash.size) == 0);
        bench_free(&b);
    }
    free(flash);
}

const named_test threat_tests[] = {
    {"tampered-manifest", test_tampered_manifest},
    {"manifest-spoiled-once", test_manifest_spoiled_once},
    {"tampered-model", test_tampered_model},
    {"rollback", test_rollback},
    {"rollback-after-a-power-cut", test_rollback_after_a_power_cut},
    {"mix-and-match-manifests", test_mix_and_match_manifests},
    {"mix-and-match-models", test_mix_and_match_models},
    {"mix-and-match-messages", test_mix_and_match_messages},
    {"fast-forward", test_fast_forward},
    {"broker-compromise", test_broker_compromise},
    {"forged-manifest", test_forged_manifest},
    {"replayed-duplicated-and-reordered-commands", test_replayed_duplicated_and_reordered_commands},
    {"wrong-device-or-class", test_wrong_device_or_class},
    {"endless-data", test_endless_data},
    {"slow-retrieval", test_slow_retrieval},
    {"truncated-data", test_truncated_data},
    {"oversized-for-slot-or-arena", test_oversized_for_slot_or_arena},
    {"corrupted-flash", test_corrupted_flash},
    {"crash-looping-model", test_crash_looping_model},
    {"clock-skew", test_clock_skew},
    {NULL, NULL},
};
