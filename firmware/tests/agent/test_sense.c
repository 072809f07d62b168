/* A device at a machine: what it says of it, what it does about it, and what comes between. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sense_bench.h"

static double number(const sense_said *said, const char *path) {
    return strtod(sense_text(said, path), NULL);
}

static ef_sense *inside(sense_bench *s) {
    return s->b.config.sense_memory;
}

/* Watches its machine's vibration, with the settings that hold by default. */
static void begin(sense_bench *s, const test_setting *setting) {
    sense_make(s, setting);
    sense_obey(s, "watch");
    sense_windows(s, 4);
    CHECK_TEXT(s->moves, "o");
    sense_forget(s);
}

static void test_a_healthy_machine_is_told_about(const test_setting *setting) {
    sense_bench s;
    sense_make(&s, setting);
    s.b.unix_ms = 1700000000000;
    sense_obey(&s, "watch");
    sense_forget(&s);
    sense_windows(&s, 60);
    CHECK(s.telemetry.count == 6 && s.anomaly.count == 6 && s.alert.count == 0);
    CHECK(fabs(number(&s.telemetry, "current") - 0.382) < 0.01);
    CHECK_TEXT(sense_text(&s.telemetry, "temperature"), "59.0");
    CHECK(fabs(number(&s.telemetry, "vibration") - 1.15) < 0.2);
    CHECK(fabs(number(&s.telemetry, "sound") - 60.0) < 1.0);
    CHECK_TEXT(sense_text(&s.telemetry, "features.2"), sense_text(&s.telemetry, "vibration"));
    CHECK(fabs(number(&s.telemetry, "features.7") - 43.5) < 0.3);
    CHECK(number(&s.telemetry, "features.20") > 2.0); /* the last of 21 */
    CHECK_TEXT(sense_text(&s.telemetry, "ts"), "1700000000000");
    CHECK_TEXT(sense_text(&s.anomaly, "ts"), "1700000000000");
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "false");
    CHECK_TEXT(sense_text(&s.anomaly, "threshold"), "0.5");
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "open");
    CHECK_TEXT(sense_text(&s.anomaly, "version"), "20.0.0");
    CHECK_TEXT(sense_text(&s.anomaly, "digest"), bench_said(&s.b, "active.digest"));
    /* Steps of an eighth of 0.6 mm/s, from what is nominal. */
    CHECK(fabs(number(&s.anomaly, "score") - (number(&s.telemetry, "vibration") - 1.4) / 0.6 / 4.0) <= 0.0157);
    CHECK_TEXT(sense_text(&s.anomaly, "seq"), sense_text(&s.telemetry, "seq"));
    sense_end(&s);
}

static void test_samples_are_numbered_by_boot(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    sense_windows(&s, 25);
    CHECK_TEXT(sense_text(&s.telemetry, "boot"), "1");
    CHECK_TEXT(sense_text(&s.telemetry, "ts"), ""); /* nobody has told the time */
    CHECK_TEXT(sense_text(&s.anomaly, "ts"), "0");
    CHECK(number(&s.telemetry, "seq") >= 2.0);
    CHECK(sense_boot(&s) == BENCH_RAN);
    sense_windows(&s, 2);
    CHECK_TEXT(sense_text(&s.telemetry, "boot"), "2");
    CHECK_TEXT(sense_text(&s.telemetry, "seq"), "0");
    CHECK_TEXT(sense_text(&s.telemetry, "messageId"), "2-0");
    sense_end(&s);
}

static void test_a_verdict_flips_after_three_windows_and_is_told_at_once(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    s.machine.imbalance = 4.0;
    sense_windows(&s, 2);
    CHECK(s.anomaly.count == 0);
    CHECK_TEXT(s.moves, "");
    sense_windows(&s, 1);
    CHECK(s.anomaly.count == 1 && s.telemetry.count == 1);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "true");
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "closed");
    CHECK_TEXT(sense_text(&s.anomaly, "seq"), sense_text(&s.telemetry, "seq"));
    CHECK(number(&s.anomaly, "score") > 0.5);
    CHECK_TEXT(s.moves, "c");
    s.machine.imbalance = 1.0;
    sense_windows(&s, 2);
    CHECK(s.anomaly.count == 1);
    sense_windows(&s, 1);
    CHECK(s.anomaly.count == 2);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "false");
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "closed"); /* it was only just closed */
    CHECK_TEXT(s.moves, "c");
    sense_windows(&s, 20);
    CHECK_TEXT(s.moves, "co");
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "open");
    sense_end(&s);
}

static void test_a_restart_does_not_open_the_valve(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    s.machine.imbalance = 4.0;
    sense_windows(&s, 4);
    CHECK_TEXT(s.moves, "c");
    CHECK(sense_boot(&s) == BENCH_RAN);
    sense_forget(&s);
    sense_windows(&s, 2);
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), ""); /* nobody knows */
    sense_windows(&s, 12);
    CHECK_TEXT(s.moves, "c");
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "closed");
    sense_end(&s);
}

static void test_single_windows_flip_nothing(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    for (unsigned i = 0; i < 12; i++) {
        s.machine.imbalance = i % 3 != 2 ? 4.0 : 1.0;
        sense_windows(&s, 1);
    }
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "false");
    CHECK_TEXT(s.moves, "");
    sense_end(&s);
}

static void test_settings_change_on_the_fly(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    s.machine.imbalance = 2.5; /* anomalous above 0.25, not above 0.5 */
    sense_windows(&s, 5);
    CHECK_TEXT(s.moves, "");
    sense_obey(&s, "watch-closely");
    sense_forget(&s);
    sense_windows(&s, 2);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "true"); /* one window is enough */
    CHECK_TEXT(sense_text(&s.anomaly, "threshold"), "0.25");
    sense_forget(&s);
    CHECK(bench_run(&s.b, 20000) == BENCH_RAN);
    CHECK(s.telemetry.count == 10 && s.anomaly.count == 10);
    CHECK(s.starts >= 38 && s.starts <= 40);
    sense_obey(&s, "watch-as-before");
    sense_forget(&s);
    CHECK(bench_run(&s.b, 20000) == BENCH_RAN);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "false");
    CHECK(s.telemetry.count <= 4 && s.starts == 20);
    sense_end(&s);
}

static void test_commissioning_subtracts_the_machine(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    s.machine.imbalance = 3.5; /* how this one is, healthy */
    sense_windows(&s, 5);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "true");
    sense_obey(&s, "commission");
    sense_windows(&s, 9);
    CHECK_SAID(&s.b, "baseline.token", "");
    sense_windows(&s, 2);
    CHECK_SAID(&s.b, "baseline.token", "token-a");
    CHECK_SAID(&s.b, "baseline.windows", "10");
    sense_windows(&s, 15);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "false");
    CHECK(fabs(number(&s.anomaly, "score")) < 0.25);
    /* It is the machine's: a fault shows on top of it. */
    s.machine.imbalance = 6.0;
    sense_windows(&s, 4);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "true");
    sense_end(&s);
}

static void test_statistics_are_those_of_the_windows(const test_setting *setting) {
    sense_bench s;
    double sum = 0.0;
    double squares = 0.0;
    begin(&s, setting);
    sense_obey(&s, "commission");
    for (unsigned i = 0; i < EF_BASELINE_WINDOWS; i++) {
        while (inside(&s)->commissioning.windows == i && inside(&s)->baseline.token[0] == '\0') {
            CHECK(bench_poll(&s.b) == BENCH_RAN);
        }
        double current = (double)inside(&s)->sample.features[EF_FEATURE_SOUND];
        sum += current / EF_BASELINE_WINDOWS;
        squares += current * current;
        s.machine.pascal *= 1.1;
    }
    const ef_baseline *baseline = &inside(&s)->baseline;
    CHECK(fabs((double)baseline->means[EF_FEATURE_SOUND] - sum) < 1e-4);
    double variance = (squares - sum * sum * EF_BASELINE_WINDOWS) / (EF_BASELINE_WINDOWS - 1);
    CHECK(fabs((double)baseline->stds[EF_FEATURE_SOUND] / sqrt(variance) - 1.0) < 1e-3);
    CHECK(baseline->stds[EF_FEATURE_TEMPERATURE] == 0.0f);
    sense_end(&s);
}

static void test_a_newer_token_begins_again(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    sense_obey(&s, "commission");
    sense_windows(&s, 6);
    s.machine.imbalance = 3.0;
    sense_obey(&s, "commission-anew");
    sense_windows(&s, 13);
    CHECK_SAID(&s.b, "baseline.token", "token-b");
    CHECK_SAID(&s.b, "baseline.windows", "10");
    CHECK(fabsf(inside(&s)->baseline.means[EF_FEATURE_ORDER1] - 3.0f) < 0.15f);
    sense_end(&s);
}

static void test_the_same_token_is_answered_once(const test_setting *setting) {
    sense_bench s;
    float mean = 0.0f;
    begin(&s, setting);
    sense_obey(&s, "commission");
    sense_windows(&s, 12);
    mean = inside(&s)->baseline.means[EF_FEATURE_VIBRATION];
    CHECK(mean > 0.0f);
    s.machine.imbalance = 2.0;
    sense_obey(&s, "commission-again");
    sense_windows(&s, 30);
    CHECK(inside(&s)->baseline.means[EF_FEATURE_VIBRATION] == mean);
    CHECK(sense_boot(&s) == BENCH_RAN);
    sense_windows(&s, 30);
    CHECK_SAID(&s.b, "baseline.token", "token-a");
    CHECK(inside(&s)->baseline.means[EF_FEATURE_VIBRATION] == mean);
    sense_obey(&s, "commission-anew");
    sense_windows(&s, 12);
    CHECK_SAID(&s.b, "baseline.token", "token-b");
    CHECK(inside(&s)->baseline.means[EF_FEATURE_VIBRATION] > mean + 0.5f);
    /* Without a token the baseline stays. */
    sense_obey(&s, "watch-next");
    CHECK_SAID(&s.b, "baseline.token", "token-b");
    sense_end(&s);
}

/* At every byte of what storing it writes: one baseline or the other, and in the end the one that was asked for. */
static void test_a_baseline_survives_power_cuts(const test_setting *setting) {
    uint64_t work = 0;
    for (uint64_t cut = 0; cut == 0 || cut <= work; cut += cut == 0 ? 1 : 23) {
        sense_bench s;
        test_setting quiet = {setting->updates, NULL};
        begin(&s, &quiet);
        sense_obey(&s, "commission");
        sense_windows(&s, 12);
        sense_obey(&s, "commission-anew");
        sense_windows(&s, 5);
        bench_cut_at(&s.b, cut);
        bench_end end = bench_run(&s.b, 10000);
        CHECK(end == (cut == 0 ? BENCH_RAN : BENCH_CUT));
        work = cut == 0 ? s.b.flash.work : work;
        bench_cut_at(&s.b, 0);
        CHECK(sense_boot(&s) == BENCH_RAN);
        CHECK(strncmp(inside(&s)->baseline.token, "token-", 6) == 0);
        sense_windows(&s, 13);
        CHECK_SAID(&s.b, "baseline.token", "token-b");
        CHECK_SAID(&s.b, "baseline.windows", "10");
        sense_end(&s);
    }
    CHECK(work > 200);
}

static void test_a_baseline_that_cannot_be_stored_is_not_used(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    sense_obey(&s, "commission");
    s.b.flash.fails = true;
    sense_windows(&s, 15);
    CHECK(inside(&s)->baseline.token[0] == '\0' && inside(&s)->commissioning.windows < 10);
    CHECK_TEXT(s.b.logged, "the baseline cannot be stored; commissioning begins again");
    s.b.flash.fails = false;
    sense_windows(&s, 10);
    CHECK_SAID(&s.b, "baseline.token", "token-a");
    sense_end(&s);
}

static void test_a_stored_baseline_of_other_features_is_none(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    sense_obey(&s, "commission");
    sense_windows(&s, 12);
    ef_baseline other = inside(&s)->baseline;
    other.schema[0] ^= 1;
    CHECK(ef_journal_put(&s.b.agent->journal, EF_RECORD_BASELINE, &other, sizeof other));
    CHECK(sense_boot(&s) == BENCH_RAN);
    CHECK(bench_run(&s.b, 10) == BENCH_RAN);
    CHECK_SAID(&s.b, "baseline.token", "");
    sense_windows(&s, 12); /* and the token is answered anew */
    CHECK_SAID(&s.b, "baseline.token", "token-a");
    sense_end(&s);
}

static void test_nothing_is_sampled_while_a_model_is_tested(const test_setting *setting) {
    sense_bench s;
    bool was_running = false;
    begin(&s, setting);
    while (!s.running) {
        CHECK(bench_poll(&s.b) == BENCH_RAN);
    }
    CHECK(bench_send(&s.b, "watch-next") == BENCH_RAN);
    for (unsigned i = 0; i < 1000 && (i < 10 || s.b.agent->update.step != EF_STEP_REST); i++) {
        ef_step step = s.b.agent->update.step;
        CHECK(bench_poll(&s.b) == BENCH_RAN);
        bool tested = step == EF_STEP_CHECK && s.b.agent->update.step == EF_STEP_CHECK;
        was_running = was_running || s.running;
        CHECK(!tested || !s.running);
    }
    CHECK(was_running);
    CHECK_SAID(&s.b, "active.version", "2.0.0");
    sense_forget(&s);
    sense_windows(&s, 12);
    CHECK(s.starts >= 11);
    CHECK_TEXT(sense_text(&s.anomaly, "version"), "2.0.0");
    sense_end(&s);
}

static void test_lost_samples_begin_the_window_again(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    memset(&inside(&s)->sample.features, 0, sizeof inside(&s)->sample.features);
    s.lose = 12; /* in the middle of a window, the first that is whole afterwards */
    while (inside(&s)->sample.features[EF_FEATURE_CURRENT] == 0.0f) {
        CHECK(bench_poll(&s.b) == BENCH_RAN);
    }
    CHECK(inside(&s)->window.overruns == 1);
    CHECK(fabs((double)inside(&s)->sample.features[EF_FEATURE_CURRENT_FUNDAMENTAL] - 0.38) < 0.001);
    CHECK(inside(&s)->sample.features[EF_FEATURE_CURRENT_THD] < 0.11f);
    sense_end(&s);
}

static void test_sensors_that_fail_are_named_once_and_tried_again(const test_setting *setting) {
    for (unsigned kind = 0; kind < 3; kind++) {
        sense_bench s;
        begin(&s, setting);
        bool *fault = kind == 0 ? &s.do_not_start : kind == 1 ? &s.do_not_read : &s.no_temperature;
        *fault = true;
        s.b.logged[0] = '\0';
        sense_windows(&s, 3);
        CHECK(s.b.logged[0] != '\0');
        s.b.logged[0] = '\0';
        sense_windows(&s, 60);
        CHECK(s.b.logged[0] == '\0');
        CHECK(s.starts >= 6 && s.starts <= 8);
        CHECK(s.telemetry.count == 0);
        *fault = false;
        sense_windows(&s, 22);
        CHECK(s.telemetry.count > 0);
        sense_end(&s);
    }
}

static void test_telemetry_flows_without_a_model(const test_setting *setting) {
    sense_bench s;
    sense_make(&s, setting);
    sense_windows(&s, 25);
    CHECK(s.telemetry.count == 3);
    CHECK(s.anomaly.count == 0);
    CHECK_TEXT(s.moves, "");
    sense_end(&s);
}

static void test_a_device_without_sensors_or_memory_is_silent(const test_setting *setting) {
    for (unsigned kind = 0; kind < 2; kind++) {
        sense_bench s;
        sense_make(&s, setting);
        ef_sense *memory = s.b.config.sense_memory;
        if (kind == 0) {
            s.b.hal.sensors.start = NULL;
        } else {
            s.b.config.sense_memory = NULL;
            CHECK(bench_boot(&s.b) == BENCH_RAN);
        }
        sense_obey(&s, "watch");
        CHECK(bench_run(&s.b, 30000) == BENCH_RAN);
        sense_hear(&s, "esp32-0002", "{}");
        CHECK(s.telemetry.count == 0 && s.anomaly.count == 0 && s.starts == 0);
        CHECK_SAID(&s.b, "phase", "Confirmed");
        s.b.config.sense_memory = memory;
        sense_end(&s);
    }
}

static void test_results_offline_are_counted_and_the_valve_still_works(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    sense_windows(&s, 21);
    double before = number(&s.telemetry, "seq");
    ef_agent_disconnected(s.b.agent);
    sense_forget(&s);
    s.machine.imbalance = 4.0;
    sense_windows(&s, 20);
    CHECK(s.telemetry.count == 0);
    CHECK_TEXT(s.moves, "c");
    uint32_t dropped = inside(&s)->dropped;
    CHECK(dropped == 4); /* the flip and what was due ten seconds later, each with its verdict */
    ef_agent_connected(s.b.agent);
    sense_windows(&s, 11);
    CHECK(number(&s.telemetry, "seq") == before + 1.0 + dropped / 2.0);
    CHECK_TEXT(sense_text(&s.anomaly, "anomalous"), "true");
    sense_end(&s);
}

static void test_a_valve_that_sticks_is_told_again(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    s.machine.imbalance = 4.0;
    s.valve_sticks = true;
    sense_windows(&s, 4);
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "open");
    s.valve_sticks = false;
    sense_windows(&s, 2);
    CHECK_TEXT(s.moves, "c");
    sense_end(&s);
}

static void test_a_device_without_a_valve_says_nothing_of_one(const test_setting *setting) {
    sense_bench s;
    sense_make(&s, setting);
    s.b.hal.actuator.set_valve = NULL;
    sense_obey(&s, "watch");
    sense_windows(&s, 5);
    CHECK(s.anomaly.count > 0);
    CHECK_TEXT(sense_text(&s.anomaly, "valve"), "");
    sense_end(&s);
}

static void test_features_that_nobody_computes_are_refused(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    sense_obey(&s, "no-settings");
    CHECK_SAID(&s.b, "phase", "Confirmed"); /* older: refused, and nothing happened */
    sense_end(&s);
    sense_make(&s, setting);
    sense_obey(&s, "foreign-features");
    CHECK_SAID(&s.b, "phase", "Rejected");
    CHECK_SAID(&s.b, "reason", "FeatureSchemaUnknown");
    sense_end(&s);
}

/* Two devices of one thread share a scratch, and neither hears the other's machine. */
static void test_two_devices_share_a_scratch(const test_setting *setting) {
    sense_bench one;
    sense_bench two;
    test_setting quiet = {setting->updates, NULL}; /* documents of two would be read as one device's */
    begin(&one, &quiet);
    sense_make(&two, &quiet);
    bench_share_scratch(&two.b, &one.b);
    CHECK(sense_boot(&two) == BENCH_RAN);
    sense_obey(&two, "watch");
    two.machine.imbalance = 4.0;
    for (unsigned i = 0; i < 1000; i++) {
        CHECK(bench_poll(&one.b) == BENCH_RAN);
        CHECK(bench_poll(&two.b) == BENCH_RAN);
    }
    CHECK_TEXT(sense_text(&one.anomaly, "anomalous"), "false");
    CHECK_TEXT(sense_text(&two.anomaly, "anomalous"), "true");
    sense_end(&two);
    sense_end(&one);
}

const named_test sense_tests[] = {
    {"a-healthy-machine-is-told-about", test_a_healthy_machine_is_told_about},
    {"samples-are-numbered-by-boot", test_samples_are_numbered_by_boot},
    {"a-verdict-flips-after-three-windows", test_a_verdict_flips_after_three_windows_and_is_told_at_once},
    {"a-restart-does-not-open-the-valve", test_a_restart_does_not_open_the_valve},
    {"single-windows-flip-nothing", test_single_windows_flip_nothing},
    {"settings-change-on-the-fly", test_settings_change_on_the_fly},
    {"commissioning-subtracts-the-machine", test_commissioning_subtracts_the_machine},
    {"statistics-are-those-of-the-windows", test_statistics_are_those_of_the_windows},
    {"a-newer-token-begins-again", test_a_newer_token_begins_again},
    {"the-same-token-is-answered-once", test_the_same_token_is_answered_once},
    {"a-baseline-survives-power-cuts", test_a_baseline_survives_power_cuts},
    {"a-baseline-that-cannot-be-stored-is-not-used", test_a_baseline_that_cannot_be_stored_is_not_used},
    {"a-stored-baseline-of-other-features-is-none", test_a_stored_baseline_of_other_features_is_none},
    {"nothing-is-sampled-while-a-model-is-tested", test_nothing_is_sampled_while_a_model_is_tested},
    {"lost-samples-begin-the-window-again", test_lost_samples_begin_the_window_again},
    {"sensors-that-fail-are-named-once", test_sensors_that_fail_are_named_once_and_tried_again},
    {"telemetry-flows-without-a-model", test_telemetry_flows_without_a_model},
    {"a-device-without-sensors-or-memory-is-silent", test_a_device_without_sensors_or_memory_is_silent},
    {"results-offline-are-counted", test_results_offline_are_counted_and_the_valve_still_works},
    {"a-valve-that-sticks-is-told-again", test_a_valve_that_sticks_is_told_again},
    {"a-device-without-a-valve-says-nothing-of-one", test_a_device_without_a_valve_says_nothing_of_one},
    {"features-that-nobody-computes-are-refused", test_features_that_nobody_computes_are_refused},
    {"two-devices-share-a-scratch", test_two_devices_share_a_scratch},
    {NULL, NULL},
};
