/* Downloads that go on after a restart: flash says how far they came, and nothing was written down on the way. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "context.h"

/* The second model has 9000 bytes. */
enum { LAST_SECTOR = 8193 };

static void begin(bench *b, const test_setting *setting) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_send(b, "first") == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
    b->registry.requests = 0;
}

static void end(bench *b) {
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    CHECK(!b->registry.open);
    bench_free(b);
}

/* Fills the slot with at least so many bytes of the order's model. */
static void fill(bench *b, const char *order, uint32_t bytes) {
    CHECK(bench_send(b, order) == BENCH_RAN);
    while (b->agent->update.step != EF_STEP_FILL || b->agent->update.fetch.done < bytes) {
        CHECK(bench_poll(b) == BENCH_RAN);
        if (b->agent->update.step == EF_STEP_REST) {
            give_up("the update ended", order);
        }
    }
}

/* Until the next request, and no further. */
static void run_to_request(bench *b) {
    unsigned before = b->registry.requests;
    for (unsigned i = 0; i < 100000 && b->registry.requests == before; i++) {
        CHECK(bench_poll(b) == BENCH_RAN);
    }
}

static unsigned long asked_from(const bench *b) {
    const char *range = strstr(b->registry.request, "\r\nRange: bytes=");
    CHECK(strstr(b->registry.request, "GET /v1/blobs/") == b->registry.request);
    CHECK((range != NULL) == (strstr(b->registry.request, "\r\nIf-Range: \"sha256:") != NULL));
    return range != NULL ? strtoul(range + 15, NULL, 10) : 0;
}

/* A restart wherever it may be: what is asked for begins with the last sector that had been begun. */
static void test_a_restart_asks_for_whole_sectors(const test_setting *setting) {
    for (uint32_t bytes = 0; bytes <= LAST_SECTOR; bytes += 630) {
        bench b;
        begin(&b, setting);
        fill(&b, "second", bytes);
        uint32_t done = b.agent->update.fetch.done;
        CHECK(bench_boot(&b) == BENCH_RAN);
        run_to_request(&b);
        CHECK(asked_from(&b) == (done > 0 ? (done - 1) / EF_FLASH_SECTOR * EF_FLASH_SECTOR : 0));
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "phase", "Confirmed");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK(b.registry.requests == (done > 0 ? 3 : 2));
        end(&b);
    }
}

/* And one restart after the other: it gets there. */
static void test_a_download_gets_there_restart_by_restart(const test_setting *setting) {
    bench b;
    unsigned boots = 1;
    begin(&b, setting);
    b.registry.manner = REGISTRY_CUTS;
    b.registry.only = "blobs";
    b.registry.times = 1000;
    b.registry.after = 4200;
    CHECK(bench_send(&b, "second") == BENCH_RAN);
    for (; boots < 20 && strcmp(bench_said(&b, "active.version"), "2.0.0") != 0; boots++) {
        while (b.agent->update.step != EF_STEP_REST && b.agent->update.step != EF_STEP_PAUSE) {
            CHECK(bench_poll(&b) == BENCH_RAN);
        }
        CHECK(bench_boot(&b) == BENCH_RAN);
        CHECK(bench_run(&b, 1) == BENCH_RAN);
    }
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK(boots == 4);
    end(&b);
}

/* Bytes of a model that look like erased flash are fetched again, and are no trap. */
static void test_bytes_that_look_erased_are_no_trap(const test_setting *setting) {
    for (uint32_t bytes = 1; bytes < 15600; bytes += 690) {
        bench b;
        begin(&b, setting);
        fill(&b, "blank-sectors", bytes);
        uint32_t done = b.agent->update.fetch.done;
        CHECK(bench_boot(&b) == BENCH_RAN);
        run_to_request(&b);
        unsigned long last = done > 12288 ? 12288 : 0;
        CHECK(asked_from(&b) == last);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "active.version", "16.0.0");
        end(&b);
    }
}

static void test_filling_a_slot_writes_nothing_down(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    fill(&b, "second", 1);
    uint32_t number = b.agent->journal.number;
    uint32_t erases = 0;
    for (size_t i = 0; i < 64; i++) {
        erases += b.flash.erases[i];
    }
    while (b.agent->update.fetch.done > 0 && b.agent->update.fetch.done < LAST_SECTOR) {
        CHECK(b.agent->journal.number == number);
        CHECK(bench_poll(&b) == BENCH_RAN);
    }
    for (size_t i = 0; i < 64; i++) {
        erases -= b.flash.erases[i];
    }
    CHECK(erases == 0);
    CHECK(bench_settle(&b) == BENCH_RAN);
    end(&b);
}

/* What lies in flash is not what came: the digest finds it, and nothing of it is used again. */
static void test_other_bytes_in_the_recalled_part_start_from_nothing(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    fill(&b, "second", LAST_SECTOR);
    b.flash.bytes[ef_model_at(1, BENCH_SLOT_BYTES) + 100] ^= 1;
    CHECK(bench_boot(&b) == BENCH_RAN);
    run_to_request(&b);
    CHECK(asked_from(&b) == 8192);
    run_to_request(&b);
    CHECK(asked_from(&b) == 0);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "attempts", "2");
    end(&b);
}

static void resume_against(const test_setting *setting, registry_manner manner, uint32_t bytes, unsigned requests) {
    bench b;
    begin(&b, setting);
    fill(&b, "second", bytes);
    b.registry.manner = manner;
    b.registry.only = "blobs";
    b.registry.times = 1;
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK(b.registry.requests == requests);
    end(&b);
}

static void test_a_registry_that_changed_its_answer_is_got_over(const test_setting *setting) {
    resume_against(setting, REGISTRY_IGNORES_RANGE, 5000, 3);
    resume_against(setting, REGISTRY_UNSATISFIED, 5000, 4);
    resume_against(setting, REGISTRY_OTHER_RANGE, 5000, 4);
    resume_against(setting, REGISTRY_IGNORES_RANGE, LAST_SECTOR, 3);
}

static void test_a_newer_command_drops_the_rest(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    fill(&b, "second", LAST_SECTOR);
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_send(&b, "third") == BENCH_RAN);
    run_to_request(&b);
    run_to_request(&b);
    CHECK(asked_from(&b) == 0);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "3.0.0");
    end(&b);
}

/* Told in between to keep what it runs, then asked for it again: the bytes are still of use. */
static void test_the_rest_waits_for_the_command_that_wants_it(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    fill(&b, "second", LAST_SECTOR);
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_send(&b, "settings") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "previous", "");
    CHECK(bench_send(&b, "second-last") == BENCH_RAN);
    run_to_request(&b);
    CHECK(asked_from(&b) == 8192);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    end(&b);
}

static void test_a_rest_waits_out_its_jitter(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    fill(&b, "later", LAST_SECTOR);
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_run(&b, 1) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Deferred");
    run_to_request(&b);
    CHECK(asked_from(&b) == 8192);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    end(&b);
}

static void test_a_rest_that_cannot_be_read_starts_over(const test_setting *setting) {
    for (unsigned polls = 1; polls < 4; polls++) {
        bench b;
        begin(&b, setting);
        fill(&b, "second", LAST_SECTOR);
        CHECK(bench_boot(&b) == BENCH_RAN);
        for (unsigned i = 0; i < polls; i++) {
            CHECK(bench_poll(&b) == BENCH_RAN);
        }
        CHECK(b.agent->update.step == EF_STEP_RECALL);
        b.flash.unmapped = 1;
        run_to_request(&b);
        CHECK(asked_from(&b) == 0);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "active.version", "2.0.0");
        end(&b);
    }
}

/* Its manifest rotted meanwhile: it is verified again, and fetched again. */
static void test_a_rest_of_a_rotten_manifest_is_not_used(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    fill(&b, "second", LAST_SECTOR);
    b.flash.bytes[ef_manifest_at(1) + 300] ^= 1;
    CHECK(bench_boot(&b) == BENCH_RAN);
    run_to_request(&b);
    CHECK(strstr(b.registry.request, "GET /v1/manifests/") == b.registry.request);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    end(&b);
}

const named_test resume_tests[] = {
    {"a-restart-asks-for-whole-sectors", test_a_restart_asks_for_whole_sectors},
    {"a-download-gets-there-restart-by-restart", test_a_download_gets_there_restart_by_restart},
    {"bytes-that-look-erased-are-no-trap", test_bytes_that_look_erased_are_no_trap},
    {"filling-a-slot-writes-nothing-down", test_filling_a_slot_writes_nothing_down},
    {"other-bytes-in-the-recalled-part-start-from-nothing", test_other_bytes_in_the_recalled_part_start_from_nothing},
    {"a-registry-that-changed-its-answer-is-got-over", test_a_registry_that_changed_its_answer_is_got_over},
    {"a-newer-command-drops-the-rest", test_a_newer_command_drops_the_rest},
    {"the-rest-waits-for-the-command-that-wants-it", test_the_rest_waits_for_the_command_that_wants_it},
    {"a-rest-waits-out-its-jitter", test_a_rest_waits_out_its_jitter},
    {"a-rest-that-cannot-be-read-starts-over", test_a_rest_that_cannot_be_read_starts_over},
    {"a-rest-of-a-rotten-manifest-is-not-used", test_a_rest_of_a_rotten_manifest_is_not_used},
    {NULL, NULL},
};
