/* Commands that come twice, late, out of order, from strangers, or in the middle of something. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "files.h"

static void begin(bench *b, const test_setting *setting) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_run(b, 10) == BENCH_RAN);
    bench_forget(b);
}

static void obey(bench *b, const char *name) {
    bench_forget(b);
    CHECK(bench_send(b, name) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void end(bench *b) {
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    CHECK(!b->registry.open);
    bench_free(b);
}

/* Polls until the update is at a step. */
static void run_to(bench *b, ef_step step) {
    for (unsigned i = 0; b->agent->update.step != step && i < 100000; i++) {
        CHECK(bench_run(b, 1) == BENCH_RAN);
    }
    CHECK(b->agent->update.step == step);
}

/* The same, also to what comes only after a restart. */
static void reach(bench *b, ef_step step) {
    if (step == EF_STEP_RECALL) {
        run_to(b, EF_STEP_FILL);
        CHECK(bench_boot(b) == BENCH_RAN);
    }
    run_to(b, step);
}

static void test_a_duplicate_is_answered_and_nothing_more(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    unsigned requests = b.registry.requests;
    uint64_t work = b.flash.work;
    for (unsigned i = 1; i <= 3; i++) {
        CHECK(bench_send(&b, "first") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
    }
    CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed");
    CHECK(b.reports == 4 + 3);
    CHECK(b.registry.requests == requests);
    CHECK(b.flash.work == work);
    end(&b);
}

static void test_a_duplicate_does_not_disturb_the_update(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    for (ef_step step = EF_STEP_MANIFEST; step <= EF_STEP_COMMIT; step++) {
        if (step != EF_STEP_PAUSE && step != EF_STEP_RECALL) {
            CHECK(bench_send(&b, "first") == BENCH_RAN);
            run_to(&b, step);
        }
    }
    CHECK(bench_send(&b, "first") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed");
    CHECK(b.registry.requests == 2);
    end(&b);
}

static void test_stale_and_reordered_commands_are_refused(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "second");
    obey(&b, "first");
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "reason", "Ok");
    CHECK_SAID(&b, "observedGeneration", "30064771074");
    CHECK_SAID(&b, "message", "refused a command: StaleGeneration at assignment.payload.generation");
    CHECK_SAID(&b, "active.version", "2.0.0");
    /* Also after a restart. */
    CHECK(bench_boot(&b) == BENCH_RAN);
    obey(&b, "first");
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "observedGeneration", "30064771074");
    end(&b);
}

static void test_other_bytes_under_the_same_generation_are_refused(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "first-other-bytes");
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "message", "refused a command: StaleGeneration at assignment.payload.generation");
    CHECK_SAID(&b, "active.version", "1.0.0");
    end(&b);
}

static void test_strangers_change_nothing_and_are_named_once(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    bench_forget(&b);
    for (unsigned i = 0; i < 20; i++) {
        CHECK(bench_send(&b, "of-a-stranger") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
    }
    CHECK(b.reports == 1);
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "reason", "Ok");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    CHECK_SAID(&b, "message", "refused a command: UnknownKey at assignment.signatures");
    CHECK(bench_send(&b, "to-another") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "message", "refused a command: WrongDevice at assignment.payload.deviceID");
    obey(&b, "second");
    CHECK_SAID(&b, "message", "");
    end(&b);
}

static void test_a_refusal_does_not_hide_a_failure(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "wrong-answer");
    obey(&b, "first");
    CHECK_SAID(&b, "phase", "Failed");
    CHECK_SAID(&b, "reason", "SelfTestFailed");
    CHECK_SAID(&b, "message",
               "vector 0: 3 LSB, 2 allowed; refused a command: StaleGeneration at assignment.payload.generation");
    end(&b);
}

static void test_garbage_does_not_disturb_the_update(const test_setting *setting) {
    bench b;
    size_t length = 0;
    begin(&b, setting);
    uint8_t *good = file_read(setting->updates, "desired/second.json", &length);
    CHECK(bench_send(&b, "first") == BENCH_RAN);
    /* After every poll, so also between one golden vector and the next. */
    for (unsigned i = 0; i == 0 || (b.agent->update.step != EF_STEP_REST && i < 1000); i++) {
        size_t at = i * 97 % length;
        good[at] ^= 1;
        CHECK(bench_send_bytes(&b, good, length) == BENCH_RAN);
        good[at] ^= 1;
        CHECK(bench_send_bytes(&b, good, at) == BENCH_RAN);
        CHECK(bench_run(&b, 1) == BENCH_RAN);
    }
    CHECK(bench_settle(&b) == BENCH_RAN);
    free(good);
    CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    end(&b);
}

static void test_a_cleared_command_and_other_topics_are_nothing(const test_setting *setting) {
    static const char *const topics[] = {"fleet/v1/dev/esp32-0002/desired", "fleet/v1/dev/esp32-0001/reported", "x",
                                         "control-message"};
    bench b;
    size_t length = 0;
    begin(&b, setting);
    uint8_t *good = file_read(setting->updates, "desired/first.json", &length);
    CHECK(bench_send_bytes(&b, good, 0) == BENCH_RAN);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        ef_agent_message(b.agent, topics[i], strlen(topics[i]), good, length);
    }
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK(b.reports == 0);
    free(good);
    end(&b);
}

/* The manifest's size is not signed. */
static void test_a_size_that_someone_changed_does_not_last(const test_setting *setting) {
    bench b;
    size_t length = 0;
    begin(&b, setting);
    uint8_t *changed = file_read(setting->updates, "desired/first.json", &length);
    char *size = strstr((char *)changed, "\"sizeBytes\":");
    CHECK(size != NULL);
    size[13] = size[13] == '1' ? '2' : '1';
    CHECK(bench_send_bytes(&b, changed, length) == BENCH_RAN);
    CHECK(bench_run(&b, 60000) == BENCH_RAN);
    CHECK_SAID(&b, "reason", "DownloadFailed");
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_send(&b, "first") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    free(changed);
    end(&b);
}

/* A newer command with another model, at every step of the one before. */
static void test_a_newer_command_supersedes_at_every_step(const test_setting *setting) {
    for (ef_step step = EF_STEP_CHOOSE; step <= EF_STEP_COMMIT; step++) {
        bench b;
        begin(&b, setting);
        obey(&b, "first");
        b.registry.manner = REGISTRY_CUTS;
        b.registry.only = "blobs";
        b.registry.after = 3000;
        b.registry.times = step == EF_STEP_PAUSE ? 1 : 0;
        CHECK(bench_send(&b, step == EF_STEP_WAIT ? "later" : "second") == BENCH_RAN);
        reach(&b, step);
        CHECK(bench_send(&b, "fatal") == BENCH_RAN);
        CHECK(bench_send(&b, "second-last") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "phase", "Confirmed");
        CHECK_SAID(&b, "observedGeneration", "30064771092");
        CHECK_SAID(&b, "active.version", "2.0.0");
        CHECK_SAID(&b, "previous.version", "1.0.0");
        end(&b);
    }
}

/* The same model under a newer generation: what is under way goes on. */
static void test_the_same_model_asked_for_again_is_not_started_over(const test_setting *setting) {
    for (ef_step step = EF_STEP_MANIFEST; step <= EF_STEP_COMMIT; step++) {
        bench b;
        begin(&b, setting);
        b.registry.manner = REGISTRY_CUTS;
        b.registry.only = "blobs";
        b.registry.after = 3000;
        b.registry.times = step == EF_STEP_PAUSE ? 1 : 0;
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        reach(&b, step);
        CHECK(bench_send(&b, "second-again") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK_SAID(&b, "phase", "Confirmed");
        CHECK_SAID(&b, "observedGeneration", "30064771075");
        CHECK(b.registry.requests == (step == EF_STEP_PAUSE ? 3 : 2));
        end(&b);
    }
}

static void test_a_switch_back_that_is_superseded_keeps_both(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "second");
    CHECK(bench_send(&b, "back") == BENCH_RAN);
    run_to(&b, EF_STEP_CHECK);
    CHECK(bench_send(&b, "second-last") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "previous.version", "1.0.0");
    CHECK_SAID(&b, "selfTest.maxLsb", "2");
    end(&b);
}

static void test_jitter_waits_and_is_superseded(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    CHECK(bench_send(&b, "later") == BENCH_RAN);
    CHECK(bench_run(&b, 10) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Deferred");
    CHECK_SAID(&b, "reason", "Deferred");
    CHECK(b.registry.requests == 0);
    uint64_t before = b.now_ms;
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_TEXT(b.phases, "Deferred Downloading Verifying Testing Confirmed");
    CHECK(b.now_ms - before > 100 && b.now_ms - before < 61000);
    end(&b);
}

static void test_a_broker_that_refuses_hears_it_later(const test_setting *setting) {
    bench b;
    bench_make(&b, setting->updates, setting->documents);
    b.broker_refuses = true;
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_run(&b, 1000) == BENCH_RAN);
    CHECK(b.reports == 0 && b.subscriptions == 0 && b.key_subscriptions > 1);
    b.broker_refuses = false;
    CHECK(bench_run(&b, 1000) == BENCH_RAN);
    CHECK(b.reports == 1);
    CHECK_SAID(&b, "seq", "0");
    ef_agent_disconnected(b.agent);
    CHECK(bench_send(&b, "first") == BENCH_RAN);
    CHECK(bench_run(&b, 60000) == BENCH_RAN);
    CHECK(b.reports == 1);
    ef_agent_connected(b.agent);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "seq", "1");
    CHECK_SAID(&b, "phase", "Confirmed");
    end(&b);
}

const named_test message_tests[] = {
    {"a-duplicate-is-answered-and-nothing-more", test_a_duplicate_is_answered_and_nothing_more},
    {"a-duplicate-does-not-disturb-the-update", test_a_duplicate_does_not_disturb_the_update},
    {"stale-and-reordered-commands-are-refused", test_stale_and_reordered_commands_are_refused},
    {"other-bytes-under-the-same-generation-are-refused", test_other_bytes_under_the_same_generation_are_refused},
    {"strangers-change-nothing-and-are-named-once", test_strangers_change_nothing_and_are_named_once},
    {"a-refusal-does-not-hide-a-failure", test_a_refusal_does_not_hide_a_failure},
    {"garbage-does-not-disturb-the-update", test_garbage_does_not_disturb_the_update},
    {"a-cleared-command-and-other-topics-are-nothing", test_a_cleared_command_and_other_topics_are_nothing},
    {"a-size-that-someone-changed-does-not-last", test_a_size_that_someone_changed_does_not_last},
    {"a-newer-command-supersedes-at-every-step", test_a_newer_command_supersedes_at_every_step},
    {"the-same-model-asked-for-again-is-not-started-over", test_the_same_model_asked_for_again_is_not_started_over},
    {"a-switch-back-that-is-superseded-keeps-both", test_a_switch_back_that_is_superseded_keeps_both},
    {"jitter-waits-and-is-superseded", test_jitter_waits_and_is_superseded},
    {"a-broker-that-refuses-hears-it-later", test_a_broker_that_refuses_hears_it_later},
    {NULL, NULL},
};
