/* Agents of one thread that share one scratch. */
#include "check.h"

static bool rests(const bench *b) {
    return b->agent->update.step == EF_STEP_REST && !b->agent->must_report;
}

/* One is `lead` polls ahead of the other; then they take turns. */
static void take_turns(const test_setting *setting, unsigned lead) {
    bench one;
    bench other;
    bench_make(&one, setting->updates, setting->documents);
    bench_make(&other, setting->updates, NULL);
    bench_share_scratch(&other, &one);
    CHECK(bench_boot(&one) == BENCH_RAN);
    CHECK(bench_boot(&other) == BENCH_RAN);
    CHECK(bench_send(&one, "first") == BENCH_RAN);
    CHECK(bench_send(&other, "watch") == BENCH_RAN); /* its manifest has more in it: nothing lies at the same place */
    for (unsigned i = 0; i < lead && !rests(&one); i++) {
        CHECK(bench_poll(&one) == BENCH_RAN);
    }
    for (unsigned i = 0; i < 10000 && !(rests(&one) && rests(&other)); i++) {
        CHECK(bench_poll(&other) == BENCH_RAN);
        CHECK(bench_poll(&one) == BENCH_RAN);
    }
    CHECK_TEXT(one.phases, "Downloading Verifying Testing Confirmed");
    CHECK_TEXT(other.phases, "Downloading Verifying Testing Confirmed");
    CHECK_SAID(&one, "active.version", "1.0.0");
    CHECK_SAID(&other, "active.version", "20.0.0");
    CHECK_SAID(&one, "selfTest", "{\"passed\":3,\"total\":3,\"maxLsb\":0}");
    CHECK_SAID(&other, "selfTest", "{\"passed\":3,\"total\":3,\"maxLsb\":0}");
    CHECK(bench_runs_what_it_says(&one) && bench_runs_what_it_says(&other));
    CHECK(one.broken + other.broken == 0);
    bench_free(&other);
    bench_free(&one);
}

static void test_agents_share_a_scratch_whoever_is_ahead(const test_setting *setting) {
    bench alone;
    unsigned polls = 0;
    bench_make(&alone, setting->updates, setting->documents);
    CHECK(bench_boot(&alone) == BENCH_RAN);
    CHECK(bench_send(&alone, "first") == BENCH_RAN);
    for (; !rests(&alone); polls++) {
        CHECK(bench_poll(&alone) == BENCH_RAN);
    }
    bench_free(&alone);
    for (unsigned lead = 0; lead <= polls; lead++) {
        take_turns(setting, lead);
    }
}

/* Between two golden vectors of the one, the other boots, hears and updates: at every vector. */
static void test_a_neighbour_takes_the_scratch_between_two_vectors(const test_setting *setting) {
    for (unsigned vector = 0; vector <= 3; vector++) {
        bench one;
        bench other;
        bench_make(&one, setting->updates, setting->documents);
        bench_make(&other, setting->updates, NULL);
        bench_share_scratch(&other, &one);
        CHECK(bench_boot(&one) == BENCH_RAN);
        CHECK(bench_send(&one, "second") == BENCH_RAN);
        while (one.agent->update.step != EF_STEP_CHECK || one.agent->update.test.passed < vector) {
            CHECK(bench_poll(&one) == BENCH_RAN);
        }
        CHECK(bench_boot(&other) == BENCH_RAN);
        CHECK(bench_send(&other, "watch") == BENCH_RAN);
        CHECK(bench_settle(&other) == BENCH_RAN);
        CHECK(bench_settle(&one) == BENCH_RAN);
        CHECK_SAID(&one, "active.version", "2.0.0");
        CHECK_SAID(&one, "selfTest.maxLsb", "2");
        CHECK_SAID(&other, "active.version", "20.0.0");
        CHECK_SAID(&other, "selfTest.maxLsb", "0");
        bench_free(&other);
        bench_free(&one);
    }
}

/* The figures of docs/firmware.md and of a swarm's plan. */
static void test_an_agent_is_small(const test_setting *setting) {
    (void)setting;
    CHECK(ef_agent_size() <= 5 * 1024);
    CHECK(ef_scratch_size() <= 9 * 1024);
}

const named_test sharing_tests[] = {
    {"agents-share-a-scratch-whoever-is-ahead", test_agents_share_a_scratch_whoever_is_ahead},
    {"a-neighbour-takes-the-scratch-between-two-vectors", test_a_neighbour_takes_the_scratch_between_two_vectors},
    {"an-agent-is-small", test_an_agent_is_small},
    {NULL, NULL},
};
