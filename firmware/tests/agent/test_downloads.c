/* A registry and a network that do not keep their promises. */
#include <string.h>

#include "check.h"

static void begin(bench *b, const test_setting *setting) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_send(b, "first") == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
    CHECK_SAID(b, "active.version", "1.0.0");
    bench_forget(b);
    b->registry.requests = 0;
}

static void end(bench *b) {
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    CHECK(!b->registry.open);
    bench_free(b);
}

static void misbehave(bench *b, registry_manner manner, const char *only, unsigned times, size_t after) {
    b->registry.manner = manner;
    b->registry.only = only;
    b->registry.times = times;
    b->registry.after = after;
}

typedef struct {
    registry_manner manner;
    size_t after;
    const char *said; /* of the model's download, when it never gets better */
} trouble;

static const trouble troubles[] = {
    {REGISTRY_UNREACHABLE, 0, "the model registry does not answer or does not prove its name"},
    {REGISTRY_SILENT, 0, "the model registry was silent for too long"},
    {REGISTRY_ERROR, 0, "HTTP 500"},
    {REGISTRY_UNSATISFIED, 0, "HTTP 416"},
    {REGISTRY_REDIRECTS, 0, "HTTP 302: redirects are not followed"},
    {REGISTRY_CUTS, 0, "the body is shorter than announced"},
    {REGISTRY_RESETS, 0, "the connection broke"},
    {REGISTRY_LONGER, 0, "the answer has another length than was signed"},
    {REGISTRY_EXTRA, 0, "more bytes came than were announced"},
    {REGISTRY_ENDLESS, 0, "the answer does not say how long it is"},
    {REGISTRY_CHUNKED, 0, "it comes in a transfer coding"},
    {REGISTRY_GARBAGE, 0, "it is not HTTP"},
};

/* Once: the next attempt does it. */
static void test_every_trouble_passes(const test_setting *setting) {
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        for (int manifest = 0; manifest < 2; manifest++) {
            bench b;
            begin(&b, setting);
            misbehave(&b, troubles[i].manner, manifest ? "manifests" : "blobs", 1, troubles[i].after);
            CHECK(bench_send(&b, "second") == BENCH_RAN);
            CHECK(bench_settle(&b) == BENCH_RAN);
            CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed");
            CHECK_SAID(&b, "active.version", "2.0.0");
            CHECK_SAID(&b, "attempts", "2");
            end(&b);
        }
    }
}

/* For ever: after three pauses it is reported, tried on, and got over without a new command. */
static void test_every_trouble_is_reported_and_tried_on(const test_setting *setting) {
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        char message[160];
        bench b;
        begin(&b, setting);
        misbehave(&b, troubles[i].manner, "blobs", 1000000, troubles[i].after);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        CHECK(bench_run(&b, 600000) == BENCH_RAN);
        (void)snprintf(message, sizeof message, "%s: %s",
                       troubles[i].manner == REGISTRY_UNREACHABLE ? "manifest" : "model", troubles[i].said);
        CHECK_TEXT(b.phases, "Downloading Failed");
        CHECK_SAID(&b, "reason", "DownloadFailed");
        CHECK_SAID(&b, "message", message);
        CHECK_SAID(&b, "active.version", "1.0.0");
        CHECK(b.registry.opened >= 10 && b.registry.opened <= 30);
        CHECK(bench_runs_what_it_says(&b));
        b.registry.times = 0;
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_TEXT(b.phases, "Downloading Failed Verifying Testing Confirmed");
        CHECK_SAID(&b, "active.version", "2.0.0");
        end(&b);
    }
}

static void test_an_absent_model_is_named(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    CHECK(bench_send(&b, "absent-model") == BENCH_RAN);
    CHECK(bench_run(&b, 60000) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Failed");
    CHECK_SAID(&b, "reason", "DownloadFailed");
    CHECK_SAID(&b, "message", "model: HTTP 404: the model registry does not have it");
    end(&b);
}

static void test_pauses_double(const test_setting *setting) {
    uint64_t times[8];
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_ERROR, NULL, 1000000, 0);
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    for (size_t i = 0; i < 8; i++) {
        while (b.registry.requests <= i) {
            CHECK(bench_run(&b, 10) == BENCH_RAN);
        }
        times[i] = b.now_ms;
        CHECK_SAID(&b, "phase", i < 3 ? "Downloading" : "Failed");
    }
    for (size_t i = 0; i < 7; i++) {
        uint64_t pause = times[i + 1] - times[i];
        uint64_t most = i < 6 ? 1000u << i : 60000;
        CHECK(pause >= most * 3 / 4 && pause <= most + 200);
    }
    CHECK(b.registry.requests == 8);
    bench_free(&b);
}

typedef struct {
    const char *retry;
    uint64_t least_ms;
    uint64_t most_ms;
} plea;

/* A registry that says when to come again is taken at its word, within reason. */
static void test_retry_after_is_waited_out(const test_setting *setting) {
    static const plea pleas[] = {
        {"30", 30000, 30600},          {"0", 750, 1400},  {"1", 750, 1400}, {"3600", 3600000, 3600600},
        {"999999", 3600000, 3600600},  {"-30", 750, 1400}, {"30s", 750, 1400},
        {"99999999999999999999", 3600000, 3600600}, {"Fri, 31 Dec 2100 23:59:59 GMT", 750, 1400},
    };
    for (size_t i = 0; i < sizeof pleas / sizeof pleas[0]; i++) {
        bench b;
        begin(&b, setting);
        misbehave(&b, REGISTRY_BUSY, NULL, 1, 0);
        b.registry.retry = pleas[i].retry;
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        while (b.registry.requests < 1) {
            CHECK(bench_run(&b, 1) == BENCH_RAN);
        }
        uint64_t asked = b.now_ms;
        while (b.registry.requests < 2) {
            CHECK(bench_run(&b, 1) == BENCH_RAN);
        }
        if (b.now_ms - asked < pleas[i].least_ms || b.now_ms - asked > pleas[i].most_ms) {
            check_failed(__FILE__, __LINE__, "waited too long or too short", pleas[i].retry);
        }
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "active.version", "2.0.0");
        end(&b);
    }
}

/* It may not be used to make a fleet come sooner. */
static void test_retry_after_does_not_hurry(const test_setting *setting) {
    uint64_t before = 0;
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_BUSY, NULL, 1000, 0);
    b.registry.retry = "1";
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    for (unsigned i = 1; i <= 9; i++) {
        while (b.registry.requests < i) {
            CHECK(bench_run(&b, 10) == BENCH_RAN);
        }
        CHECK(i < 8 || b.now_ms - before >= 45000);
        before = b.now_ms;
    }
    bench_free(&b);
}

/* Broken off after some bytes: the rest is asked for, and only the rest. */
static void test_a_broken_download_is_resumed(const test_setting *setting) {
    static const size_t cuts[] = {1, 699, 4095, 4096, 4097, 8999};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char range[48];
        bench b;
        begin(&b, setting);
        misbehave(&b, i % 2 == 0 ? REGISTRY_CUTS : REGISTRY_RESETS, "blobs", 1, cuts[i]);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        (void)snprintf(range, sizeof range, "\r\nRange: bytes=%zu-\r\n", cuts[i]);
        CHECK(strstr(b.registry.request, range) != NULL);
        CHECK(strstr(b.registry.request, "\r\nIf-Range: \"sha256:") != NULL);
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK(b.registry.requests == 3);
        end(&b);
    }
}

static void test_small_pieces_arrive_in_the_end(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_CUTS, "blobs", 8, 1000);
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "attempts", "9");
    end(&b);
}

static uint32_t erases_of_models(const bench *b) {
    uint32_t erases = 0;
    for (uint32_t at = EF_MODELS_AT; at < b->flash.size; at += EF_FLASH_SECTOR) {
        erases += b->flash.erases[at / EF_FLASH_SECTOR];
    }
    return erases;
}

/* Broken off again and again by a registry that has no ranges: a sector is erased once, however often it is asked. */
static void test_a_registry_that_never_gets_to_the_end_wears_nothing(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_CUTS, "blobs", 1, 5000);
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    while (b.registry.requests < 2 || b.registry.open) {
        CHECK(bench_run(&b, 10) == BENCH_RAN);
    }
    uint32_t erases = erases_of_models(&b);
    for (unsigned i = 0; i < 50; i++) {
        misbehave(&b, i % 2 == 0 ? REGISTRY_IGNORES_RANGE : REGISTRY_UNSATISFIED, "blobs", 100, 0);
        b.registry.cuts_whole = 4000;
        CHECK(bench_run(&b, 65000) == BENCH_RAN);
    }
    CHECK_SAID(&b, "reason", "DownloadFailed");
    CHECK(erases_of_models(&b) == erases);
    b.registry.cuts_whole = 0;
    b.registry.times = 0;
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK(erases_of_models(&b) == erases);
    end(&b);
}

/* It says 416 to whoever asks for a part. */
static void test_a_registry_that_never_gives_a_rest(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_CUTS, "blobs", 1, 5000);
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    while (b.registry.requests < 2 || b.registry.open) {
        CHECK(bench_run(&b, 10) == BENCH_RAN);
    }
    b.registry.refuses_parts = true;
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "attempts", "3");
    end(&b);
}

/* Broken off once, then the second answer is not the rest. */
static void resume_from(const test_setting *setting, registry_manner manner, unsigned requests) {
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_CUTS, "blobs", 1, 5000);
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    while (b.registry.requests < 2 || b.registry.open) {
        CHECK(bench_run(&b, 10) == BENCH_RAN);
    }
    uint32_t erases = erases_of_models(&b);
    misbehave(&b, manner, "blobs", 1, 0);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK(b.registry.requests == requests);
    CHECK(erases_of_models(&b) == erases);
    end(&b);
}

static void test_a_wrong_range_is_not_taken(const test_setting *setting) {
    resume_from(setting, REGISTRY_OTHER_RANGE, 4);
}

/* Asked for the rest it gives all, or nothing until it is asked for all: what is there passes by. */
static void test_a_registry_without_ranges_costs_no_erase(const test_setting *setting) {
    resume_from(setting, REGISTRY_IGNORES_RANGE, 3);
    resume_from(setting, REGISTRY_UNSATISFIED, 4);
}

static void test_a_trickle_ends(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    misbehave(&b, REGISTRY_TRICKLES, "blobs", 1, 0);
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    CHECK(bench_run(&b, 599000) == BENCH_RAN);
    CHECK(b.registry.requests == 2);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK(b.registry.requests == 3);
    CHECK_SAID(&b, "active.version", "2.0.0");
    end(&b);
}

static void test_other_bytes_are_not_run(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    CHECK(bench_send(&b, "swapped-bytes") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_TEXT(b.phases, "Downloading Failed");
    CHECK_SAID(&b, "reason", "DigestMismatch");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "attempts", "4");
    CHECK(b.registry.requests == 5);
    /* Flash wears: it is not tried for ever. */
    CHECK(bench_run(&b, 600000) == BENCH_RAN);
    CHECK(b.registry.requests == 5);
    end(&b);
}

const named_test download_tests[] = {
    {"every-trouble-passes", test_every_trouble_passes},
    {"every-trouble-is-reported-and-tried-on", test_every_trouble_is_reported_and_tried_on},
    {"an-absent-model-is-named", test_an_absent_model_is_named},
    {"pauses-double", test_pauses_double},
    {"retry-after-is-waited-out", test_retry_after_is_waited_out},
    {"retry-after-does-not-hurry", test_retry_after_does_not_hurry},
    {"a-broken-download-is-resumed", test_a_broken_download_is_resumed},
    {"small-pieces-arrive-in-the-end", test_small_pieces_arrive_in_the_end},
    {"a-wrong-range-is-not-taken", test_a_wrong_range_is_not_taken},
    {"a-registry-that-never-gets-to-the-end-wears-nothing", test_a_registry_that_never_gets_to_the_end_wears_nothing},
    {"a-registry-that-never-gives-a-rest", test_a_registry_that_never_gives_a_rest},
    {"a-registry-without-ranges-costs-no-erase", test_a_registry_without_ranges_costs_no_erase},
    {"a-trickle-ends", test_a_trickle_ends},
    {"other-bytes-are-not-run", test_other_bytes_are_not_run},
    {NULL, NULL},
};
