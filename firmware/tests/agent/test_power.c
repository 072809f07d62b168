/* Power that fails in the middle of anything.
 *
 * After each cut: the active slot's bytes are a model that was published, the version reported is theirs, two boots say
 * the same, what was promised before still holds, and what the device is told ends well. */
#include <stdlib.h>
#include <string.h>

#include "ef_update.h"
#include "power.h"

/* One cut around and in the middle of every flash operation, torn and clean, and some bytes in between; then two cuts
 * anywhere. */
static void cut_operations(const test_setting *setting, const power_story *story) {
    enum { STRIDE = 7, TWICE = 400 };
    power_rig rig;
    uint32_t random = 42;
    power_begin(&rig, setting, story);
    for (uint32_t i = 0; i < rig.operations; i++) {
        uint64_t first = rig.began[i] + 1;
        uint64_t last = rig.began[i + 1];
        power_fail(&rig, (power_cut){first, true});
        power_fail(&rig, (power_cut){first, false});
        power_fail(&rig, (power_cut){(first + last) / 2, i % 2 == 0});
        power_fail(&rig, (power_cut){last, false});
    }
    for (uint64_t unit = 1; unit <= rig.units; unit += STRIDE) {
        power_fail(&rig, (power_cut){unit, unit % 2 == 0});
    }
    for (unsigned i = 0; i < TWICE; i++) {
        power_cut cuts[2];
        for (size_t each = 0; each < 2; each++) {
            random = random * 1664525u + 1013904223u;
            /* The second one often soon: in the boot, or in what is done again. */
            uint64_t range = each == 1 && i % 2 == 0 ? 300 : rig.units;
            cuts[each] = (power_cut){1 + (random >> 8) % range, (random >> 7 & 1) != 0};
        }
        power_fail_twice(&rig, cuts[0], cuts[1]);
    }
    printf("power cuts, %s: %llu\n", story->name, (unsigned long long)rig.cuts);
    power_end(&rig);
}

/* Every unit of work, torn and clean. */
static void cut_bytes(const test_setting *setting, const power_story *story) {
    power_rig rig;
    power_begin(&rig, setting, story);
    for (uint64_t unit = 1; unit <= rig.units; unit++) {
        power_fail(&rig, (power_cut){unit, false});
        power_fail(&rig, (power_cut){unit, true});
    }
    printf("power cuts, %s, every byte: %llu\n", story->name, (unsigned long long)rig.cuts);
    power_end(&rig);
}

/* At the beginning of every operation, and then at the beginning of every one that follows; then anywhere. */
static void cut_twice(const test_setting *setting, const power_story *story) {
    enum { SAMPLE = 3000 };
    static uint64_t began[FLASH_OPERATIONS_MAX];
    power_rig rig;
    uint32_t random = 7;
    power_begin(&rig, setting, story);
    for (uint32_t i = 0; i < rig.operations; i++) {
        power_cut first = {rig.began[i] + 1, i % 2 == 0};
        uint32_t count = power_operations_after(&rig, first, began);
        for (uint32_t next = 0; next < count; next++) {
            power_fail_twice(&rig, first, (power_cut){began[next] + 1, true});
            power_fail_twice(&rig, first, (power_cut){began[next] + 1, false});
        }
    }
    for (unsigned i = 0; i < SAMPLE; i++) {
        power_cut cuts[2];
        for (size_t each = 0; each < 2; each++) {
            random = random * 1664525u + 1013904223u;
            cuts[each] = (power_cut){1 + (random >> 8) % rig.units, (random >> 7 & 1) != 0};
        }
        power_fail_twice(&rig, cuts[0], cuts[1]);
    }
    printf("power cuts, %s, two at a time: %llu\n", story->name, (unsigned long long)rig.cuts);
    power_end(&rig);
}

/* A test for each story: C has no closures. */
#define STORY(number, symbol) \
    static void test_operations_of_##symbol(const test_setting *setting) { \
        cut_operations(setting, &power_stories[number]); \
    } \
    static void test_bytes_of_##symbol(const test_setting *setting) { \
        cut_bytes(setting, &power_stories[number]); \
    } \
    static void test_twice_in_##symbol(const test_setting *setting) { \
        cut_twice(setting, &power_stories[number]); \
    }

STORY(0, a_first_install)
STORY(1, an_update)
STORY(2, a_switch_back)
STORY(3, a_resumed_download)
STORY(4, a_key_rotation)
STORY(5, a_failing_model)
STORY(6, a_crashing_model)

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
    {"power-fails-at-every-byte-of-a-first-install", test_bytes_of_a_first_install},
    {"power-fails-at-every-byte-of-an-update", test_bytes_of_an_update},
    {"power-fails-at-every-byte-of-a-switch-back", test_bytes_of_a_switch_back},
    {"power-fails-at-every-byte-of-a-resumed-download", test_bytes_of_a_resumed_download},
    {"power-fails-at-every-byte-of-a-key-rotation", test_bytes_of_a_key_rotation},
    {"power-fails-at-every-byte-of-a-failing-model", test_bytes_of_a_failing_model},
    {"power-fails-at-every-byte-of-a-crashing-model", test_bytes_of_a_crashing_model},
    {"power-fails-twice-in-a-first-install", test_twice_in_a_first_install},
    {"power-fails-twice-in-an-update", test_twice_in_an_update},
    {"power-fails-twice-in-a-switch-back", test_twice_in_a_switch_back},
    {"power-fails-twice-in-a-resumed-download", test_twice_in_a_resumed_download},
    {"power-fails-twice-in-a-key-rotation", test_twice_in_a_key_rotation},
    {"power-fails-twice-in-a-failing-model", test_twice_in_a_failing_model},
    {"power-fails-twice-in-a-crashing-model", test_twice_in_a_crashing_model},
    {NULL, NULL},
};

const named_test power_tests[] = {
    {"power-fails-in-a-first-install", test_operations_of_a_first_install},
    {"power-fails-in-an-update", test_operations_of_an_update},
    {"power-fails-in-a-switch-back", test_operations_of_a_switch_back},
    {"power-fails-in-a-resumed-download", test_operations_of_a_resumed_download},
    {"power-fails-in-a-key-rotation", test_operations_of_a_key_rotation},
    {"power-fails-in-a-failing-model", test_operations_of_a_failing_model},
    {"power-fails-in-a-crashing-model", test_operations_of_a_crashing_model},
    {"every-transition-was-taken", test_every_transition_was_taken},
    {NULL, NULL},
};
