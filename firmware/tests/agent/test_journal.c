#include <setjmp.h>
#include <string.h>

#include "check.h"
#include "ef_journal.h"

enum { BASE = 4096, KEYS = 5, STEPS = 150 };

static jmp_buf out;

static void cut_power(void *context) {
    (void)context;
    longjmp(out, 1);
}

static bool hal_read(void *context, uint32_t offset, void *bytes, size_t length) {
    return flash_read(context, offset, bytes, length);
}

static bool hal_program(void *context, uint32_t offset, const void *bytes, size_t length) {
    return flash_program(context, offset, bytes, length);
}

static bool hal_erase(void *context, uint32_t offset) {
    return flash_erase(context, offset);
}

static ef_hal hal_of(flash_double *flash) {
    ef_hal hal;
    memset(&hal, 0, sizeof hal);
    hal.context = flash;
    hal.flash.read = hal_read;
    hal.flash.program = hal_program;
    hal.flash.erase = hal_erase;
    flash->power_off = cut_power;
    return hal;
}

/* What step `step` writes: content of changing length, recognisable. */
static size_t content_of(unsigned step, char bytes[64]) {
    size_t length = 20 + step % 37;
    memset(bytes, (int)('a' + step % 26), length);
    (void)snprintf(bytes, 20, "%u", step);
    return length;
}

static unsigned key_of(unsigned step) {
    return step * step % KEYS;
}

/* The last step up to `step` that wrote the key; -1 for none. */
static int writer_of(unsigned key, int step) {
    while (step >= 0 && key_of((unsigned)step) != key) {
        step--;
    }
    return step;
}

static bool holds(const ef_journal *journal, unsigned key, int step) {
    char wanted[64];
    char found[64];
    size_t length = 0;
    if (step < 0) {
        return !ef_journal_get_some(journal, key, found, sizeof found, &length);
    }
    size_t expected = content_of((unsigned)step, wanted);
    return ef_journal_get_some(journal, key, found, sizeof found, &length) && length == expected &&
           memcmp(found, wanted, length) == 0;
}

static bool write_step(ef_journal *journal, unsigned step) {
    char bytes[64];
    size_t length = content_of(step, bytes);
    return ef_journal_put(journal, key_of(step), bytes, length);
}

static void test_remembers_and_compacts(const test_setting *setting) {
    flash_double flash;
    ef_journal journal;
    flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
    ef_hal hal = hal_of(&flash);
    (void)setting;
    CHECK(ef_journal_open(&journal, &hal, BASE));
    for (unsigned step = 0; step < 1000; step++) {
        CHECK(write_step(&journal, step));
        if (step % 7 == 0) {
            CHECK(ef_journal_open(&journal, &hal, BASE));
        }
        for (unsigned key = 0; key < KEYS; key++) {
            CHECK(holds(&journal, key, writer_of(key, (int)step)));
        }
    }
    CHECK(flash.erases[1] > 5);
    /* The two sectors wear evenly. */
    CHECK(flash.erases[1] - flash.erases[2] + 1 <= 2);
    flash_free(&flash);
}

static void test_same_content_costs_nothing(const test_setting *setting) {
    flash_double flash;
    ef_journal journal;
    flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
    ef_hal hal = hal_of(&flash);
    (void)setting;
    CHECK(ef_journal_open(&journal, &hal, BASE));
    CHECK(ef_journal_put(&journal, 1, "again", 5));
    uint64_t work = flash.work;
    CHECK(ef_journal_put(&journal, 1, "again", 5));
    CHECK(flash.work == work);
    flash_free(&flash);
}

static void test_refuses_what_does_not_fit(const test_setting *setting) {
    static char large[EF_JOURNAL_RECORD_MAX + 1];
    flash_double flash;
    ef_journal journal;
    char found[8];
    flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
    ef_hal hal = hal_of(&flash);
    (void)setting;
    CHECK(ef_journal_open(&journal, &hal, BASE));
    CHECK(!ef_journal_put(&journal, EF_JOURNAL_KEYS, "x", 1));
    CHECK(!ef_journal_put(&journal, 1, large, sizeof large));
    CHECK(ef_journal_put(&journal, 1, "small", 5));
    CHECK(ef_journal_put(&journal, 2, large, EF_JOURNAL_RECORD_MAX));
    CHECK(ef_journal_put(&journal, 3, large, EF_JOURNAL_RECORD_MAX));
    CHECK(!ef_journal_put(&journal, 4, large, EF_JOURNAL_RECORD_MAX));
    CHECK(ef_journal_get(&journal, 1, found, 5) && memcmp(found, "small", 5) == 0);
    CHECK(!ef_journal_get(&journal, 1, found, 4));
    flash.fails = true;
    CHECK(!ef_journal_put(&journal, 1, "other", 5));
    CHECK(ef_journal_get(&journal, 1, found, 5) && memcmp(found, "small", 5) == 0);
    flash_free(&flash);
}

/* Runs the steps from one on until power fails, `cut` units from here; returns the step under way then, STEPS when all
 * were done. */
static unsigned run_on(flash_double *flash, const ef_hal *hal, unsigned from, uint64_t cut) {
    static volatile unsigned step;
    ef_journal journal;
    flash->work = 0;
    flash->cut_at = cut;
    step = from;
    if (setjmp(out) == 0 && ef_journal_open(&journal, hal, BASE)) {
        for (; step < STEPS; step++) {
            CHECK(write_step(&journal, step));
        }
    }
    flash->cut_at = 0;
    return step;
}

static unsigned run_until(flash_double *flash, const ef_hal *hal, uint64_t cut) {
    return run_on(flash, hal, 0, cut);
}

static bool recovers(const ef_hal *hal, unsigned cut_step) {
    ef_journal journal;
    if (!ef_journal_open(&journal, hal, BASE)) {
        return false;
    }
    bool written = cut_step < STEPS && holds(&journal, key_of(cut_step), (int)cut_step);
    for (unsigned key = 0; key < KEYS; key++) {
        if (!holds(&journal, key, writer_of(key, written ? (int)cut_step : (int)cut_step - 1))) {
            return false;
        }
    }
    /* And it can be written on, with something else first, and over a compaction too. */
    if (!ef_journal_put(&journal, KEYS, "a new life", 10)) {
        return false;
    }
    for (unsigned step = cut_step; step < STEPS; step++) {
        if (!write_step(&journal, step)) {
            return false;
        }
    }
    for (unsigned key = 0; key < KEYS; key++) {
        if (!holds(&journal, key, writer_of(key, STEPS - 1))) {
            return false;
        }
    }
    return true;
}

static void test_survives_a_power_cut_at_every_byte(const test_setting *setting) {
    (void)setting;
    for (uint64_t cut = 1;; cut++) {
        flash_double flash;
        flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
        flash.random = (uint32_t)cut;
        ef_hal hal = hal_of(&flash);
        unsigned step = run_until(&flash, &hal, cut);
        bool good = recovers(&hal, step);
        flash_free(&flash);
        if (!good) {
            CHECK(!"a record was lost");
            printf("    power was cut at unit %llu, in step %u\n", (unsigned long long)cut, step);
            return;
        }
        if (step == STEPS) {
            CHECK(cut > 5000);
            return;
        }
    }
}

static void test_steps_over_a_rotten_record(const test_setting *setting) {
    (void)setting;
    for (uint32_t victim = 0; victim < 400; victim++) {
        flash_double flash;
        ef_journal journal;
        unsigned lost = 0;
        flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
        ef_hal hal = hal_of(&flash);
        CHECK(ef_journal_open(&journal, &hal, BASE));
        for (unsigned step = 0; step < 12; step++) {
            CHECK(write_step(&journal, step));
        }
        flash.bytes[BASE + victim] ^= 0x10;
        CHECK(ef_journal_open(&journal, &hal, BASE));
        for (unsigned key = 0; key < KEYS; key++) {
            lost += holds(&journal, key, writer_of(key, 11)) ? 0 : 1;
        }
        CHECK(lost <= 1);
        CHECK(write_step(&journal, 12) && holds(&journal, key_of(12), 12));
        flash_free(&flash);
    }
}

/* After moves too: at most the record that rotted is lost, and its key has the value of before or none. Nothing comes
 * back from the other sector, and it can be written on. */
static void test_what_rots_brings_nothing_else_back(const test_setting *setting) {
    (void)setting;
    for (uint32_t victim = 0; victim < 2 * EF_FLASH_SECTOR; victim += 5) {
        flash_double flash;
        ef_journal journal;
        unsigned lost = 0;
        flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
        ef_hal hal = hal_of(&flash);
        CHECK(ef_journal_open(&journal, &hal, BASE));
        for (unsigned step = 0; step < STEPS; step++) {
            CHECK(write_step(&journal, step));
        }
        flash.bytes[BASE + victim] ^= (uint8_t)(1u << victim % 8);
        for (unsigned boots = 0; boots < 2; boots++) {
            CHECK(ef_journal_open(&journal, &hal, BASE));
            lost = 0;
            for (unsigned key = 0; key < KEYS; key++) {
                lost += holds(&journal, key, writer_of(key, STEPS - 1)) ? 0 : 1;
            }
            CHECK(lost <= 1);
            CHECK(ef_journal_put(&journal, KEYS, boots == 0 ? "one" : "two", 3));
        }
        flash_free(&flash);
    }
}

/* Cut, recovered, and cut again in what follows. */
static void test_survives_two_power_cuts(const test_setting *setting) {
    uint32_t random = 5;
    (void)setting;
    for (unsigned i = 0; i < 4000; i++) {
        flash_double flash;
        flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
        flash.random = i + 1;
        ef_hal hal = hal_of(&flash);
        random = random * 1664525u + 1013904223u;
        /* Around the moves, of which each takes a few hundred units. */
        unsigned first = run_until(&flash, &hal, 3900 + (random >> 8) % 3000);
        ef_journal journal;
        CHECK(ef_journal_open(&journal, &hal, BASE));
        unsigned kept = first < STEPS && holds(&journal, key_of(first), (int)first) ? first : first - 1;
        random = random * 1664525u + 1013904223u;
        unsigned second = run_on(&flash, &hal, kept + 1, 1 + (random >> 8) % 700);
        if (!recovers(&hal, second)) {
            CHECK(!"a record was lost");
            printf("    power was cut in step %u, then in step %u\n", first, second);
        }
        flash_free(&flash);
    }
}

static void test_opens_on_any_content(const test_setting *setting) {
    (void)setting;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        flash_double flash;
        ef_journal journal;
        flash_make(&flash, BASE + 2 * EF_FLASH_SECTOR);
        ef_hal hal = hal_of(&flash);
        uint32_t random = seed;
        for (uint32_t i = 0; i < flash.size; i++) {
            random = random * 1664525u + 1013904223u;
            flash.bytes[i] = (uint8_t)(random >> 24);
        }
        CHECK(ef_journal_open(&journal, &hal, BASE));
        CHECK(write_step(&journal, 0) && holds(&journal, 0, 0));
        flash_free(&flash);
    }
}

const named_test journal_tests[] = {
    {"journal-remembers-and-compacts", test_remembers_and_compacts},
    {"journal-same-content-costs-nothing", test_same_content_costs_nothing},
    {"journal-refuses-what-does-not-fit", test_refuses_what_does_not_fit},
    {"journal-survives-a-power-cut-at-every-byte", test_survives_a_power_cut_at_every_byte},
    {"journal-steps-over-a-rotten-record", test_steps_over_a_rotten_record},
    {"journal-survives-two-power-cuts", test_survives_two_power_cuts},
    {"journal-what-rots-brings-nothing-else-back", test_what_rots_brings_nothing_else_back},
    {"journal-opens-on-any-content", test_opens_on_any_content},
    {NULL, NULL},
};
