/* A device that judges others by what they say. */
#include <stdlib.h>
#include <string.h>

#include "sense_bench.h"

#define ONE "esp32-0002"
#define OTHER "esp32-0003"

static ef_level2 *inside(sense_bench *s) {
    return &s->b.config.sense_memory->level2;
}

/* Telemetry with an outer race of so many m/s2; its nominal is 0.02, and one scale of 0.02 more is a score of 1/4. */
static const char *telemetry(const char *id, unsigned boot, unsigned seq, const char *outer_race) {
    static char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"deviceID\":\"%s\",\"current\":0.3,\"temperature\":59,\"vibration\":1.4,\"sound\":56,"
                   "\"boot\":%u,\"seq\":%u,\"ts\":1700000000000,\"features\":"
                   "[0.33,59,1.4,56,0.5,2.7,3.2,46,1.2,0.15,0.1,0.4,0.2,0.13,%s,0.02,0.33,0.1,0.005,1.45,3.5]}",
                   id, boot, seq, outer_race);
    return text;
}

static void begin(sense_bench *s, const test_setting *setting) {
    sense_make(s, setting);
    s->b.hal.sensors.start = NULL; /* it has no machine of its own */
    sense_obey(s, "watch-others");
    CHECK(bench_run(&s->b, 2000) == BENCH_RAN);
    sense_forget(s);
}

static void hear(sense_bench *s, const char *id, unsigned boot, unsigned seq, const char *outer_race) {
    CHECK(bench_run(&s->b, EF_LEVEL2_PERIOD_MS) == BENCH_RAN);
    sense_hear(s, id, telemetry(id, boot, seq, outer_race));
}

static void test_sources_are_judged(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    s.b.unix_ms = 1700000000345;
    hear(&s, ONE, 3, 17, "0.02");
    CHECK(s.alert.count == 1);
    CHECK_TEXT(sense_text(&s.alert, "deviceID"), ONE);
    CHECK_TEXT(sense_text(&s.alert, "reporter"), "esp32-0001");
    CHECK_TEXT(sense_text(&s.alert, "boot"), "3");
    CHECK_TEXT(sense_text(&s.alert, "seq"), "17");
    CHECK_TEXT(sense_text(&s.alert, "ts"), "1700000000000");
    CHECK_TEXT(sense_text(&s.alert, "score"), "0.0");
    CHECK_TEXT(sense_text(&s.alert, "threshold"), "0.5");
    CHECK_TEXT(sense_text(&s.alert, "anomalous"), "false");
    CHECK_TEXT(sense_text(&s.alert, "latencyMs"), "345");
    CHECK_TEXT(sense_text(&s.alert, "version"), "21.0.0");
    hear(&s, OTHER, 1, 0, "0.07");
    CHECK_TEXT(sense_text(&s.alert, "deviceID"), OTHER);
    CHECK_TEXT(sense_text(&s.alert, "score"), "0.625");
    CHECK_TEXT(sense_text(&s.alert, "anomalous"), "true");
    CHECK(s.alert.count == 2 && s.anomaly.count == 0 && s.telemetry.count == 0);
    sense_end(&s);
}

static void test_latency_needs_two_clocks_that_agree(const test_setting *setting) {
    static const int64_t clocks[] = {0, 1699999999999, 1700000000000 + 5000000000};
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        sense_bench s;
        begin(&s, setting);
        s.b.unix_ms = clocks[i];
        hear(&s, ONE, 1, 1, "0.02");
        CHECK(s.alert.count == 1);
        CHECK_TEXT(sense_text(&s.alert, "latencyMs"), "");
        sense_end(&s);
    }
}

static void test_old_telemetry_is_no_news(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    hear(&s, ONE, 3, 17, "0.02");
    hear(&s, ONE, 3, 17, "0.02");
    hear(&s, ONE, 3, 16, "0.02");
    hear(&s, ONE, 2, 99, "0.02");
    CHECK(s.alert.count == 1 && inside(&s)->ignored == 3);
    hear(&s, OTHER, 1, 1, "0.02"); /* each source has its own order */
    hear(&s, ONE, 3, 18, "0.02");
    hear(&s, ONE, 4, 0, "0.02");
    CHECK(s.alert.count == 4);
    /* A board in its place begins again; after so much silence it is believed. */
    CHECK(bench_run(&s.b, EF_LEVEL2_FORGET_MS) == BENCH_RAN);
    hear(&s, ONE, 1, 0, "0.02");
    CHECK(s.alert.count == 5);
    sense_end(&s);
}

static void test_one_source_cannot_take_all_the_time(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    for (unsigned i = 0; i < 5000; i++) {
        sense_hear(&s, ONE, telemetry(ONE, 1, i, "0.02"));
        sense_hear(&s, OTHER, telemetry(OTHER, 1, i, "0.02"));
        s.b.now_ms++;
    }
    CHECK(s.alert.count == 10);
    sense_end(&s);
}

static void test_strangers_and_nonsense_are_not_judged(const test_setting *setting) {
    static const char *const documents[] = {
        "x",
        "{}",
        "{\"deviceID\":\"esp32-0002\",\"current\":1,\"temperature\":1,\"vibration\":1,\"sound\":1}",
        "{\"deviceID\":\"esp32-0002\",\"current\":1,\"temperature\":1,\"vibration\":1,\"sound\":1,\"boot\":9,\"seq\":9}",
        "{\"deviceID\":\"esp32-0002\",\"current\":1,\"temperature\":1,\"vibration\":1,\"sound\":1,\"boot\":9,\"seq\":9,"
        "\"features\":[1,1,1,1]}",
        "{\"deviceID\":\"esp32-0002\",\"current\":1e999,\"temperature\":1,\"vibration\":1,\"sound\":1,\"boot\":9}",
    };
    sense_bench s;
    begin(&s, setting);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        CHECK(bench_run(&s.b, EF_LEVEL2_PERIOD_MS) == BENCH_RAN);
        sense_hear(&s, ONE, documents[i]);
    }
    CHECK(inside(&s)->ignored == sizeof documents / sizeof documents[0]);
    sense_hear(&s, ONE, telemetry(OTHER, 1, 1, "0.02")); /* on another one's topic */
    sense_hear(&s, "esp32-0004", telemetry("esp32-0004", 1, 1, "0.02"));
    sense_hear(&s, "esp32-0001", telemetry("esp32-0001", 1, 1, "0.02"));
    CHECK(s.alert.count == 0);
    /* None of it counts as heard. */
    hear(&s, ONE, 1, 0, "0.02");
    CHECK(s.alert.count == 1);
    /* Numbers that no float holds are as large as can be. */
    hear(&s, ONE, 1, 1, "1e300");
    CHECK_TEXT(sense_text(&s.alert, "score"), "4.0625");
    hear(&s, ONE, 1, 2, "-1e300");
    CHECK_TEXT(sense_text(&s.alert, "score"), "-3.90625");
    sense_end(&s);
}

static void test_subscriptions_follow_the_settings(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    CHECK(sense_is_subscribed(&s, ONE) && sense_is_subscribed(&s, OTHER));
    hear(&s, OTHER, 5, 5, "0.02");
    sense_obey(&s, "watch-one");
    CHECK(bench_run(&s.b, 1000) == BENCH_RAN);
    CHECK(!sense_is_subscribed(&s, ONE) && sense_is_subscribed(&s, OTHER));
    hear(&s, ONE, 1, 1, "0.02"); /* what was under way */
    hear(&s, OTHER, 5, 4, "0.02"); /* what is known of who stays stays known */
    CHECK(s.alert.count == 1);
    hear(&s, OTHER, 5, 6, "0.07");
    CHECK_TEXT(sense_text(&s.alert, "threshold"), "0.9");
    CHECK_TEXT(sense_text(&s.alert, "anomalous"), "false");
    sense_obey(&s, "watch-itself");
    CHECK(bench_run(&s.b, 1000) == BENCH_RAN);
    CHECK(!sense_is_subscribed(&s, OTHER));
    sense_end(&s);
}

static void test_a_new_session_subscribes_again(const test_setting *setting) {
    sense_bench s;
    begin(&s, setting);
    ef_agent_disconnected(s.b.agent);
    memset(s.topics, 0, sizeof s.topics);
    CHECK(bench_run(&s.b, 1000) == BENCH_RAN);
    CHECK(!sense_is_subscribed(&s, ONE));
    s.b.broker_refuses = true;
    ef_agent_connected(s.b.agent);
    CHECK(bench_run(&s.b, 1000) == BENCH_RAN);
    CHECK(!sense_is_subscribed(&s, ONE));
    s.b.broker_refuses = false;
    CHECK(bench_run(&s.b, 1000) == BENCH_RAN);
    CHECK(sense_is_subscribed(&s, ONE) && sense_is_subscribed(&s, OTHER));
    /* And after a restart, from what is stored. */
    CHECK(sense_boot(&s) == BENCH_RAN);
    CHECK(bench_run(&s.b, 1000) == BENCH_RAN);
    CHECK(sense_is_subscribed(&s, ONE) && sense_is_subscribed(&s, OTHER));
    sense_end(&s);
}

static void test_a_model_of_four_features_judges_the_first_four(const test_setting *setting) {
    static const char document[] = "{\"deviceID\":\"esp32-0002\",\"current\":0.3,\"temperature\":59,\"vibration\":1,"
                                   "\"sound\":56,\"boot\":1,\"seq\":1,\"features\":[0.33,59,3.2,56]}";
    sense_bench s;
    begin(&s, setting);
    sense_obey(&s, "watch-others-by-level1");
    sense_forget(&s);
    sense_hear(&s, ONE, document);
    CHECK_TEXT(sense_text(&s.alert, "score"), "0.75"); /* (3.2 - 1.4) / 0.6 / 4 */
    CHECK_TEXT(sense_text(&s.alert, "ts"), "0");
    sense_end(&s);
}

static void test_who_judges_others_does_not_judge_itself(const test_setting *setting) {
    sense_bench s;
    sense_make(&s, setting);
    sense_obey(&s, "watch-others-by-level1");
    sense_forget(&s);
    sense_windows(&s, 30);
    CHECK(s.telemetry.count == 3 && s.anomaly.count == 0);
    CHECK_TEXT(s.moves, "");
    sense_end(&s);
}

static void test_nothing_is_judged_without_an_accepted_model(const test_setting *setting) {
    sense_bench s;
    sense_make(&s, setting);
    sense_obey(&s, "settings"); /* role and sources, no model */
    hear(&s, ONE, 1, 1, "0.02");
    CHECK(sense_is_subscribed(&s, ONE) && s.alert.count == 0);
    sense_end(&s);
    begin(&s, setting);
    CHECK(bench_send(&s.b, "watch-next") == BENCH_RAN);
    for (unsigned i = 0; s.b.agent->update.step != EF_STEP_CHECK && i < 1000; i++) {
        CHECK(bench_poll(&s.b) == BENCH_RAN);
    }
    sense_hear(&s, ONE, telemetry(ONE, 1, 1, "0.02"));
    CHECK(s.alert.count == 0);
    sense_end(&s);
}

const named_test level2_tests[] = {
    {"sources-are-judged", test_sources_are_judged},
    {"latency-needs-two-clocks-that-agree", test_latency_needs_two_clocks_that_agree},
    {"old-telemetry-is-no-news", test_old_telemetry_is_no_news},
    {"one-source-cannot-take-all-the-time", test_one_source_cannot_take_all_the_time},
    {"strangers-and-nonsense-are-not-judged", test_strangers_and_nonsense_are_not_judged},
    {"subscriptions-follow-the-settings", test_subscriptions_follow_the_settings},
    {"a-new-session-subscribes-again", test_a_new_session_subscribes_again},
    {"a-model-of-four-features-judges-the-first-four", test_a_model_of_four_features_judges_the_first_four},
    {"who-judges-others-does-not-judge-itself", test_who_judges_others_does_not_judge_itself},
    {"nothing-is-judged-without-an-accepted-model", test_nothing_is_judged_without_an_accepted_model},
    {NULL, NULL},
};
