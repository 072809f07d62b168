/* The way of an update that goes well, and of one that the model spoils. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void begin(bench *b, const test_setting *setting) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(b->agent != NULL);
}

static void obey(bench *b, const char *name) {
    bench_forget(b);
    CHECK(bench_send(b, name) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void end(bench *b) {
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    CHECK(b->registry.opened >= b->registry.closed);
    CHECK(!b->registry.open);
    bench_free(b);
}

static void test_a_new_board(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    CHECK(bench_run(&b, 100) == BENCH_RAN);
    CHECK(b.subscriptions == 1 && b.key_subscriptions == 1);
    CHECK(strstr(b.presence, "\"status\":\"online\"") != NULL);
    CHECK_SAID(&b, "bootCount", "1");
    CHECK_SAID(&b, "seq", "0");
    CHECK_SAID(&b, "observedGeneration", "0");
    CHECK_SAID(&b, "phase", "Idle");
    CHECK_SAID(&b, "reason", "Ok");
    CHECK_SAID(&b, "active", "");
    CHECK_SAID(&b, "settings", "");
    CHECK_SAID(&b, "capabilities.runtime", "tflm");
    CHECK(strlen(bench_said(&b, "enrolmentId")) == EF_ENROLMENT_CHARS);
    end(&b);
}

static void test_the_first_model(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed");
    CHECK_SAID(&b, "observedGeneration", "30064771073");
    CHECK_SAID(&b, "reason", "Ok");
    CHECK_SAID(&b, "attempts", "1");
    CHECK_SAID(&b, "active.model", "motor-anomaly");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "active.slot", "a");
    CHECK_SAID(&b, "previous", "");
    CHECK_SAID(&b, "selfTest", "{\"passed\":3,\"total\":3,\"maxLsb\":0}");
    CHECK_SAID(&b, "arenaUsedBytes", "1234");
    CHECK_SAID(&b, "securityFloor", "3");
    CHECK(b.registry.requests == 2);
    end(&b);
}

static void test_the_second_model(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "second");
    CHECK_TEXT(b.phases, "Downloading Verifying Testing Confirmed");
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "active.slot", "b");
    CHECK_SAID(&b, "previous.version", "1.0.0");
    CHECK_SAID(&b, "previous.slot", "a");
    CHECK_SAID(&b, "selfTest.maxLsb", "2");
    CHECK_SAID(&b, "settings.anomalyThreshold", "0.75");
    CHECK_SAID(&b, "settings.role", "level2");
    CHECK_SAID(&b, "settings.sources", "[\"esp32-0002\",\"esp32-0003\"]");
    end(&b);
}

static void test_the_same_model_again_fetches_nothing(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "second");
    unsigned requests = b.registry.requests;
    obey(&b, "second-again");
    CHECK_TEXT(b.phases, "Confirmed");
    CHECK_SAID(&b, "observedGeneration", "30064771075");
    CHECK(b.registry.requests == requests);
    end(&b);
}

static void test_back_to_the_previous_slot_without_a_download(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "second");
    unsigned requests = b.registry.requests;
    obey(&b, "back");
    CHECK_TEXT(b.phases, "Verifying Testing Confirmed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "active.slot", "a");
    CHECK_SAID(&b, "previous.version", "2.0.0");
    CHECK_SAID(&b, "attempts", "");
    CHECK(b.registry.requests == requests);
    end(&b);
}

static void test_a_rotten_previous_slot_is_fetched_again(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "second");
    unsigned requests = b.registry.requests;
    b.flash.bytes[ef_model_at(0, BENCH_SLOT_BYTES) + 4999] ^= 1;
    obey(&b, "back");
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK(b.registry.requests == requests + 2);
    end(&b);
}

static void test_the_security_floor_holds(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "third");
    CHECK_SAID(&b, "active.version", "3.0.0");
    CHECK_SAID(&b, "securityFloor", "4");
    obey(&b, "back-below-the-floor");
    CHECK_SAID(&b, "phase", "Rejected");
    CHECK_SAID(&b, "reason", "SecurityVersionTooLow");
    CHECK_SAID(&b, "active.version", "3.0.0");
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "securityFloor", "4");
    CHECK_SAID(&b, "reason", "SecurityVersionTooLow");
    end(&b);
}

static void test_settings_only(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    unsigned requests = b.registry.requests;
    obey(&b, "settings");
    CHECK_TEXT(b.phases, "Confirmed");
    CHECK_SAID(&b, "settings.hysteresisWindows", "5");
    CHECK_SAID(&b, "settings.samplePeriodMs", "20");
    CHECK_SAID(&b, "settings.telemetryPeriodMs", "1000");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK(b.registry.requests == requests);
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "settings.hysteresisWindows", "5");
    CHECK_SAID(&b, "phase", "Confirmed");
    obey(&b, "most-settings");
    CHECK(strlen(bench_said(&b, "settings.sources")) > 16 * 63);
    obey(&b, "no-settings");
    CHECK_SAID(&b, "settings", "");
    end(&b);
}

static void test_many_operators_do_not_burst_a_report(const test_setting *setting) {
    static char names[EF_OPS_MAX][65];
    static const char *ops[EF_OPS_MAX];
    bench b;
    begin(&b, setting);
    for (size_t i = 0; i < EF_OPS_MAX; i++) {
        memset(names[i], 'A', sizeof names[i] - 1);
        ops[i] = names[i];
    }
    obey(&b, "most-settings");
    CHECK(strlen(bench_said(&b, "capabilities.ops")) > 10);
    b.config.ops = ops;
    b.config.ops_count = EF_OPS_MAX;
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "bootCount", "2");
    CHECK_SAID(&b, "capabilities.ops", "");
    end(&b);
}

static void spoil(const test_setting *setting, const char *order, const char *reason, const char *message) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, order);
    CHECK_TEXT(b.phases, "Downloading Verifying Testing Failed");
    CHECK_SAID(&b, "reason", reason);
    CHECK_SAID(&b, "message", message);
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "selfTest.passed", "3");
    CHECK_SAID(&b, "previous", "");
    CHECK(bench_runs_what_it_says(&b));
    /* A restart does not try it again, and remembers. */
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_send(&b, order) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_TEXT(b.phases, "Failed");
    CHECK_SAID(&b, "reason", reason);
    CHECK_SAID(&b, "message", message);
    /* And the device goes on obeying. */
    obey(&b, "second-last");
    CHECK_SAID(&b, "active.version", "2.0.0");
    end(&b);
}

static void test_a_failed_self_test_keeps_the_old_model(const test_setting *setting) {
    spoil(setting, "wrong-answer", "SelfTestFailed", "vector 0: 3 LSB, 2 allowed");
    spoil(setting, "not-exact", "SelfTestFailed", "vector 0: the output differs");
    spoil(setting, "narrow-vectors", "SelfTestFailed", "vector 0: the model's input or output has another size");
}

static void test_a_refused_model_keeps_the_old_one(const test_setting *setting) {
    spoil(setting, "refused-by-runtime", "ModelLoadFailed", "Didn't find op for builtin opcode \\\"X\\\"???");
}

static void test_a_panic_while_testing_is_a_watchdog_reset(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    bench_forget(&b);
    CHECK(bench_send(&b, "fatal") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_CRASHED);
    CHECK_TEXT(b.phases, "Downloading Verifying Testing");
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_send(&b, "fatal") == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_TEXT(b.phases, "Failed");
    CHECK_SAID(&b, "reason", "WatchdogReset");
    CHECK_SAID(&b, "active.version", "1.0.0");
    CHECK_SAID(&b, "bootCount", "2");
    CHECK_SAID(&b, "observedGeneration", "30064771084");
    end(&b);
}

static void lose(const test_setting *setting, const char *order) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    CHECK(bench_send(&b, order) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_CRASHED);
    CHECK(bench_boot(&b) == BENCH_RAN);
    CHECK(bench_settle(&b) == BENCH_RAN);
    CHECK_SAID(&b, "phase", "Failed");
    CHECK_SAID(&b, "reason", "WatchdogReset");
    CHECK_SAID(&b, "active.version", "1.0.0");
    end(&b);
}

static void test_a_model_that_hangs_is_a_watchdog_reset(const test_setting *setting) {
    lose(setting, "hangs");
    lose(setting, "hangs-when-loaded");
}

static void test_a_model_that_crashes_when_loaded_is_a_watchdog_reset(const test_setting *setting) {
    lose(setting, "crashes-when-loaded");
}

static void refuse(const test_setting *setting, const char *order, const char *reason, const char *message) {
    bench b;
    begin(&b, setting);
    obey(&b, "first");
    obey(&b, "second");
    obey(&b, order);
    CHECK_TEXT(b.phases, "Downloading Rejected");
    CHECK_SAID(&b, "reason", reason);
    CHECK_SAID(&b, "message", message);
    /* Refused before a byte of the model: the previous version is still there. */
    CHECK_SAID(&b, "active.version", "2.0.0");
    CHECK_SAID(&b, "previous.version", "1.0.0");
    CHECK(strstr(b.registry.request, "/v1/manifests/") != NULL);
    end(&b);
}

static void test_a_model_for_others_costs_no_slot(const test_setting *setting) {
    refuse(setting, "too-large", "DoesNotFit", "manifest: DoesNotFit at payload.sizeBytes");
    refuse(setting, "other-class", "WrongClass", "manifest: WrongClass at payload.deviceClass");
}

const named_test update_tests[] = {
    {"a-new-board", test_a_new_board},
    {"the-first-model", test_the_first_model},
    {"the-second-model", test_the_second_model},
    {"the-same-model-again-fetches-nothing", test_the_same_model_again_fetches_nothing},
    {"back-to-the-previous-slot-without-a-download", test_back_to_the_previous_slot_without_a_download},
    {"a-rotten-previous-slot-is-fetched-again", test_a_rotten_previous_slot_is_fetched_again},
    {"the-security-floor-holds", test_the_security_floor_holds},
    {"settings-only", test_settings_only},
    {"many-operators-do-not-burst-a-report", test_many_operators_do_not_burst_a_report},
    {"a-failed-self-test-keeps-the-old-model", test_a_failed_self_test_keeps_the_old_model},
    {"a-refused-model-keeps-the-old-one", test_a_refused_model_keeps_the_old_one},
    {"a-panic-while-testing-is-a-watchdog-reset", test_a_panic_while_testing_is_a_watchdog_reset},
    {"a-model-that-hangs-is-a-watchdog-reset", test_a_model_that_hangs_is_a_watchdog_reset},
    {"a-model-that-crashes-when-loaded-is-a-watchdog-reset", test_a_model_that_crashes_when_loaded_is_a_watchdog_reset},
    {"a-model-for-others-costs-no-slot", test_a_model_for_others_costs_no_slot},
    {NULL, NULL},
};
