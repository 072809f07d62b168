/* Power that fails in the middle of every flash operation of an update, and of what follows.
 *
 * After each cut: the active slot's bytes are a model that was published, the version reported is theirs, what was
 * promised before still holds, and the update ends well. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ef_update.h"

typedef struct {
    const char *first;
    const char *second; /* the update that is cut */
    const char *again;  /* the same model under a newer generation */
} story;

typedef struct {
    bench b;
    uint8_t *before; /* flash when the cut update was about to begin */
    char enrolment[64];
    unsigned worse; /* cuts after which something did not hold */
} rig;

static void make_rig(rig *r, const test_setting *setting, const story *told) {
    memset(r, 0, sizeof *r);
    bench_make(&r->b, setting->updates, NULL);
    CHECK(bench_boot(&r->b) == BENCH_RAN);
    CHECK(bench_send(&r->b, told->first) == BENCH_RAN);
    CHECK(bench_settle(&r->b) == BENCH_RAN);
    (void)snprintf(r->enrolment, sizeof r->enrolment, "%s", bench_said(&r->b, "enrolmentId"));
    r->before = malloc(r->b.flash.size);
    memcpy(r->before, r->b.flash.bytes, r->b.flash.size);
}

static void free_rig(rig *r) {
    bench_free(&r->b);
    free(r->before);
}

/* Boots and obeys until power fails or all is done. */
static bench_end live(bench *b, const char *order, uint64_t cut) {
    bench_cut_at(b, cut);
    bench_end end = bench_boot(b);
    end = end == BENCH_RAN ? bench_send(b, order) : end;
    end = end == BENCH_RAN ? bench_settle(b) : end;
    b->flash.cut_at = 0;
    return end;
}

static bool is_sound(rig *r, int64_t least_generation) {
    bench *b = &r->b;
    return bench_runs_what_it_says(b) && b->broken == 0 && strcmp(bench_said(b, "enrolmentId"), r->enrolment) == 0 &&
           strtoll(bench_said(b, "observedGeneration"), NULL, 10) >= least_generation;
}

/* After a cut: boots, is sound, finishes by itself or says why not, and obeys the next command. */
static bool converges(rig *r, const story *told, const char *version) {
    bench *b = &r->b;
    if (bench_boot(b) != BENCH_RAN || b->agent == NULL || bench_run(b, 1) != BENCH_RAN || !is_sound(r, 1) ||
        bench_said(b, "active.version")[0] == '\0') {
        return false;
    }
    int64_t seen = strtoll(bench_said(b, "observedGeneration"), NULL, 10);
    if (bench_send(b, told->second) != BENCH_RAN || bench_settle(b) != BENCH_RAN || !is_sound(r, seen)) {
        return false;
    }
    bool crashed = strcmp(bench_said(b, "reason"), "WatchdogReset") == 0;
    if (strcmp(bench_said(b, "phase"), crashed ? "Failed" : "Confirmed") != 0) {
        return false;
    }
    if (crashed && (bench_send(b, told->again) != BENCH_RAN || bench_settle(b) != BENCH_RAN)) {
        return false;
    }
    return is_sound(r, seen) && strcmp(bench_said(b, "phase"), "Confirmed") == 0 &&
           strcmp(bench_said(b, "active.version"), version) == 0;
}

static void judge(rig *r, const story *told, const char *version, uint64_t cut) {
    if (!converges(r, told, version)) {
        if (r->worse++ == 0) {
            printf("    power failed at unit %llu; then it said %s\n", (unsigned long long)cut, r->b.said);
        }
    }
}

static void reset(rig *r, uint64_t cut) {
    memcpy(r->b.flash.bytes, r->before, r->b.flash.size);
    r->b.flash.random = (uint32_t)cut;
}

static void cut_every_operation(const test_setting *setting, const story *told, const char *version) {
    rig r;
    make_rig(&r, setting, told);
    CHECK(live(&r.b, told->second, 0) == BENCH_RAN);
    CHECK_SAID(&r.b, "active.version", version);
    uint32_t operations = r.b.flash.operations;
    uint64_t total = r.b.flash.work;
    uint64_t *began = malloc((operations + 1) * sizeof *began);
    memcpy(began, r.b.flash.began, operations * sizeof *began);
    began[operations] = total;
    CHECK(operations > 20 && operations < FLASH_OPERATIONS_MAX);
    for (uint32_t i = 0; i < operations; i++) {
        const uint64_t cuts[] = {began[i] + 1, (began[i] + began[i + 1]) / 2 + 1, began[i + 1]};
        for (size_t each = 0; each < sizeof cuts / sizeof cuts[0]; each++) {
            reset(&r, cuts[each]);
            CHECK(live(&r.b, told->second, cuts[each]) == BENCH_CUT);
            judge(&r, told, version, cuts[each]);
        }
    }
    CHECK(r.worse == 0);
    free(began);
    free_rig(&r);
}

static void test_power_fails_at_every_operation_of_an_update(const test_setting *setting) {
    static const story told = {"first", "second", "second-last"};
    cut_every_operation(setting, &told, "2.0.0");
}

static void test_power_fails_at_every_operation_of_a_switch_back(const test_setting *setting) {
    bench b;
    static const char *const orders[] = {"first", "second", "back"};
    bench_make(&b, setting->updates, NULL);
    CHECK(bench_boot(&b) == BENCH_RAN);
    for (size_t i = 0; i < 2; i++) {
        CHECK(bench_send(&b, orders[i]) == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
    }
    uint8_t *before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    CHECK(live(&b, "back", 0) == BENCH_RAN);
    uint64_t total = b.flash.work;
    for (uint64_t cut = 1; cut <= total; cut += 3) {
        memcpy(b.flash.bytes, before, b.flash.size);
        CHECK(live(&b, "back", cut) == BENCH_CUT);
        CHECK(bench_boot(&b) == BENCH_RAN);
        CHECK(bench_run(&b, 1) == BENCH_RAN);
        CHECK(bench_runs_what_it_says(&b));
        CHECK(bench_said(&b, "active.version")[0] != '\0');
        CHECK(bench_send(&b, "back") == BENCH_RAN);
        CHECK(bench_settle(&b) == BENCH_RAN);
        CHECK(bench_runs_what_it_says(&b));
        bool crashed = strcmp(bench_said(&b, "reason"), "WatchdogReset") == 0;
        CHECK_SAID(&b, "active.version", crashed ? "2.0.0" : "1.0.0");
    }
    free(before);
    bench_free(&b);
}

/* Cut, boot, and cut again wherever that boot or the update it resumes happens to be. */
static void test_power_fails_twice(const test_setting *setting) {
    static const story told = {"first", "second", "second-last"};
    rig r;
    uint32_t random = 42;
    make_rig(&r, setting, &told);
    CHECK(live(&r.b, told.second, 0) == BENCH_RAN);
    uint64_t total = r.b.flash.work;
    for (unsigned i = 0; i < 100; i++) {
        random = random * 1664525u + 1013904223u;
        uint64_t first = 1 + (random >> 8) % total;
        random = random * 1664525u + 1013904223u;
        uint64_t second = 1 + (random >> 8) % (i % 2 == 0 ? 200 : total);
        reset(&r, first);
        CHECK(live(&r.b, told.second, first) == BENCH_CUT);
        (void)live(&r.b, told.second, second);
        judge(&r, &told, "2.0.0", first);
    }
    CHECK(r.worse == 0);
    free_rig(&r);
}

/* The same at every byte: minutes. */
static void test_power_fails_at_every_byte(const test_setting *setting) {
    static const story told = {"first", "second", "second-last"};
    rig r;
    uint64_t cut = 1;
    make_rig(&r, setting, &told);
    for (; cut < 1000000; cut++) {
        reset(&r, cut);
        if (live(&r.b, told.second, cut) != BENCH_CUT) {
            break;
        }
        judge(&r, &told, "2.0.0", cut);
    }
    CHECK(cut > 10000 && cut < 1000000);
    CHECK(r.worse == 0);
    printf("power failed %llu times\n", (unsigned long long)cut - 1);
    free_rig(&r);
}

/* After all the others: no row of the table is there for nothing. */
static void test_every_transition_was_taken(const test_setting *setting) {
    (void)setting;
    for (size_t i = 0; i < ef_transition_count; i++) {
        const ef_transition *each = &ef_transitions[i];
        if (!bench_took(each->from, each->to)) {
            check_failed(__FILE__, __LINE__, ef_step_names[each->from], ef_step_names[each->to]);
        }
    }
    for (ef_step from = EF_STEP_CHOOSE; from < EF_STEP_COUNT; from++) {
        for (ef_step to = EF_STEP_REST; to < EF_STEP_COUNT; to++) {
            bool listed = from == to || !bench_took(from, to);
            for (size_t i = 0; i < ef_transition_count; i++) {
                listed = listed || (ef_transitions[i].from == from && ef_transitions[i].to == to);
            }
            CHECK(listed);
        }
    }
}

const named_test slow_tests[] = {
    {"power-fails-at-every-byte-of-an-update", test_power_fails_at_every_byte},
    {NULL, NULL},
};

const named_test power_tests[] = {
    {"power-fails-at-every-operation-of-an-update", test_power_fails_at_every_operation_of_an_update},
    {"power-fails-at-every-operation-of-a-switch-back", test_power_fails_at_every_operation_of_a_switch_back},
    {"power-fails-twice", test_power_fails_twice},
    {"every-transition-was-taken", test_every_transition_was_taken},
    {NULL, NULL},
};
