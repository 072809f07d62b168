/* Power that fails at everything that provisioning does: flash, key, certificate and network.
 *
 * After each cut the device boots and is born all the same: one key, the claim bound to it, a certificate for it, the
 * fleet's keys, the registry's word that it may work, and a command obeyed. */
#include <stdlib.h>
#include <string.h>

#include "newborn.h"

enum { MINUTE_MS = 60000 };

typedef struct {
    newborn n;
    /* Before its first boot. */
    uint8_t *flash;
    identity_double identity;
    enrolment_double registry;
    unsigned worse; /* cuts after which something did not hold */
} rig;

static void make_rig(rig *r, const test_setting *setting) {
    memset(r, 0, sizeof *r);
    newborn_make(&r->n, setting);
    r->flash = malloc(r->n.b.flash.size);
    memcpy(r->flash, r->n.b.flash.bytes, r->n.b.flash.size);
    r->identity = r->n.identity;
    r->registry = r->n.registry;
}

static void free_rig(rig *r) {
    newborn_free(&r->n);
    free(r->flash);
}

static void reset(rig *r, uint64_t cut) {
    memcpy(r->n.b.flash.bytes, r->flash, r->n.b.flash.size);
    r->n.b.flash.random = (uint32_t)cut;
    r->n.identity = r->identity;
    r->n.registry = r->registry;
}

/* Boots and lives until power fails or the device is activated and at rest. */
static bench_end live(newborn *n, uint64_t cut) {
    bench_cut_at(&n->b, cut);
    bench_end end = newborn_boot(n);
    for (unsigned i = 0; end == BENCH_RAN && i < 600 && !ef_agent_is_activated(n->b.agent); i++) {
        end = newborn_run(n, 100);
    }
    end = end == BENCH_RAN ? newborn_run(n, 100) : end;
    n->b.flash.cut_at = 0;
    return end;
}

static bool is_born(newborn *n) {
    return newborn_boot(n) == BENCH_RAN && n->b.agent != NULL && newborn_grow_up(n, 6 * MINUTE_MS) &&
           n->identity.keys_made == 1 && n->registry.key == n->identity.key && n->registry.refused == 0 &&
           n->registry.let_in > 0 &&
           n->identity.refused == 0 && n->b.broken == 0 && n->registry.broken == 0 &&
           bench_send(&n->b, "first") == BENCH_RAN && bench_settle(&n->b) == BENCH_RAN &&
           strcmp(bench_said(&n->b, "phase"), "Confirmed") == 0 && bench_runs_what_it_says(&n->b);
}

static void judge(rig *r, uint64_t cut) {
    if (!is_born(&r->n) && r->worse++ == 0) {
        char text[512];
        (void)snprintf(text, sizeof text, "cut at %llu; then %.400s", (unsigned long long)cut, r->n.b.said);
        check_failed(__FILE__, __LINE__, "is born", text);
    }
}

static void test_power_fails_at_every_operation_of_a_birth(const test_setting *setting) {
    rig r;
    make_rig(&r, setting);
    CHECK(live(&r.n, 0) == BENCH_RAN);
    CHECK(ef_agent_is_activated(r.n.b.agent));
    uint32_t operations = r.n.b.flash.operations;
    uint64_t total = r.n.b.flash.work;
    uint64_t *began = malloc((operations + 1) * sizeof *began);
    memcpy(began, r.n.b.flash.began, operations * sizeof *began);
    began[operations] = total;
    CHECK(operations > 20 && operations < FLASH_OPERATIONS_MAX);
    for (uint32_t i = 0; i < operations; i++) {
        const uint64_t cuts[] = {began[i] + 1, (began[i] + began[i + 1]) / 2 + 1, began[i + 1]};
        for (size_t each = 0; each < sizeof cuts / sizeof cuts[0]; each++) {
            reset(&r, cuts[each]);
            CHECK(live(&r.n, cuts[each]) == BENCH_CUT);
            judge(&r, cuts[each]);
        }
    }
    CHECK(r.worse == 0);
    free(began);
    free_rig(&r);
}

/* Cut, boot, and cut again wherever that boot happens to be. */
static void test_power_fails_twice_at_a_birth(const test_setting *setting) {
    rig r;
    uint32_t random = 42;
    make_rig(&r, setting);
    CHECK(live(&r.n, 0) == BENCH_RAN);
    uint64_t total = r.n.b.flash.work;
    for (unsigned i = 0; i < 200; i++) {
        random = random * 1664525u + 1013904223u;
        uint64_t first = 1 + (random >> 8) % total;
        random = random * 1664525u + 1013904223u;
        uint64_t second = 1 + (random >> 8) % total;
        reset(&r, first);
        CHECK(live(&r.n, first) == BENCH_CUT);
        (void)live(&r.n, second);
        judge(&r, first);
    }
    CHECK(r.worse == 0);
    free_rig(&r);
}

/* After all the others: no row of the table is there for nothing. */
static void test_every_transition_of_a_birth_was_taken(const test_setting *setting) {
    (void)setting;
    for (size_t i = 0; i < ef_provision_transition_count; i++) {
        const ef_provision_transition *each = &ef_provision_transitions[i];
        if (!newborn_took(each->from, each->to)) {
            check_failed(__FILE__, __LINE__, ef_provision_step_names[each->from], ef_provision_step_names[each->to]);
        }
    }
    for (ef_provision_step from = EF_PROVISION_CLAIM; from < EF_PROVISION_STEP_COUNT; from++) {
        for (ef_provision_step to = EF_PROVISION_REST; to < EF_PROVISION_STEP_COUNT; to++) {
            bool listed = from == to || !newborn_took(from, to);
            for (size_t i = 0; i < ef_provision_transition_count; i++) {
                listed = listed || (ef_provision_transitions[i].from == from && ef_provision_transitions[i].to == to);
            }
            CHECK(listed);
        }
    }
}

const named_test birth_power_tests[] = {
    {"power-fails-at-every-operation-of-a-birth", test_power_fails_at_every_operation_of_a_birth},
    {"power-fails-twice-at-a-birth", test_power_fails_twice_at_a_birth},
    {"every-transition-of-a-birth-was-taken", test_every_transition_of_a_birth_was_taken},
    {NULL, NULL},
};
