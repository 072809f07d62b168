#include "power.h"

#include <stdlib.h>
#include <string.h>

#include "context.h"

enum { LAST_SECTOR = 8193, CRASHES_MAX = 4 };

const power_story power_stories[] = {
    {.name = "first-install", .order = "first", .version = "1.0.0", .again = "second-last", .last_version = "2.0.0"},
    {.name = "update",
     .before = {"first", "second"},
     .order = "third",
     .old_version = "2.0.0",
     .version = "3.0.0",
     .again = "third-last",
     .last_version = "3.0.0"},
    {.name = "switch-back",
     .before = {"first", "second"},
     .order = "back",
     .old_version = "2.0.0",
     .version = "1.0.0",
     .again = "second-last",
     .last_version = "2.0.0"},
    {.name = "resumed-download",
     .before = {"first"},
     .filled = LAST_SECTOR,
     .order = "second",
     .old_version = "1.0.0",
     .version = "2.0.0",
     .again = "third-last",
     .last_version = "3.0.0"},
    {.name = "key-rotation",
     .before = {"first"},
     .keys = "rotated",
     .old_version = "1.0.0",
     .version = "1.0.0",
     .again = "other-keys",
     .last_version = "18.0.0"},
    {.name = "failing-model",
     .before = {"first", "second"},
     .order = "wrong-answer",
     .old_version = "2.0.0",
     .version = "2.0.0",
     .reason = "SelfTestFailed",
     .bad_version = "4.0.0",
     .again = "third-last",
     .last_version = "3.0.0"},
    {.name = "crashing-model",
     .before = {"first", "second"},
     .order = "fatal",
     .old_version = "2.0.0",
     .version = "2.0.0",
     .reason = "WatchdogReset",
     .bad_version = "5.0.0",
     .again = "third-last",
     .last_version = "3.0.0"},
};
const size_t power_story_count = sizeof power_stories / sizeof power_stories[0];

/* Obeys until power fails or all is done; a model that takes the device with it costs a boot. */
static bench_end obey(bench *b, const char *order, const char *keys) {
    bench_end end = order != NULL ? bench_send(b, order) : bench_send_keys(b, keys);
    end = end == BENCH_RAN ? bench_settle(b) : end;
    for (unsigned i = 0; end == BENCH_CRASHED && i < CRASHES_MAX; i++) {
        end = bench_boot(b);
        end = end == BENCH_RAN ? bench_settle(b) : end;
    }
    return end;
}

static int64_t number_said(bench *b, const char *name) {
    return strtoll(bench_said(b, name), NULL, 10);
}

static bool says_rotated(bench *b) {
    return strstr(bench_said(b, "keyIds"), b->keys[2].keyid) != NULL;
}

/* What was said counts as promised, also when power failed right afterwards. */
static void note_promises(power_rig *rig) {
    int64_t generation = number_said(&rig->b, "observedGeneration");
    int64_t floor = number_said(&rig->b, "securityFloor");
    rig->generation = generation > rig->generation ? generation : rig->generation;
    rig->floor = floor > rig->floor ? floor : rig->floor;
    rig->rotated = rig->rotated || says_rotated(&rig->b);
}

/* Powers up and lives until power fails at a unit, or with 0 until all is done. */
static bench_end live(power_rig *rig, power_cut cut) {
    bench *b = &rig->b;
    b->flash.clean = cut.clean;
    bench_cut_at(b, cut.unit);
    bench_end end = bench_boot(b);
    end = end == BENCH_RAN ? obey(b, rig->story->order, rig->story->keys) : end;
    note_promises(rig);
    b->flash.cut_at = 0;
    return end;
}

static void prepare(power_rig *rig) {
    bench *b = &rig->b;
    const power_story *story = rig->story;
    for (size_t i = 0; i < 3 && story->before[i] != NULL; i++) {
        if (b->agent == NULL) {
            CHECK(bench_boot(b) == BENCH_RAN);
        }
        CHECK(obey(b, story->before[i], NULL) == BENCH_RAN);
    }
    (void)snprintf(rig->enrolment, sizeof rig->enrolment, "%s", bench_said(b, "enrolmentId"));
    if (story->filled > 0) {
        CHECK(bench_send(b, story->order) == BENCH_RAN);
        while (b->agent->update.step != EF_STEP_FILL || b->agent->update.fetch.done < story->filled) {
            CHECK(bench_poll(b) == BENCH_RAN);
        }
    }
}

void power_begin(power_rig *rig, const test_setting *setting, const power_story *story) {
    bench *b = &rig->b;
    memset(rig, 0, sizeof *rig);
    rig->story = story;
    bench_make(b, setting->updates, NULL);
    prepare(rig);
    rig->start = malloc(b->flash.size);
    memcpy(rig->start, b->flash.bytes, b->flash.size);
    CHECK(live(rig, (power_cut){0, false}) == BENCH_RAN);
    CHECK_SAID(b, "active.version", story->version);
    rig->units = b->flash.work;
    rig->operations = b->flash.operations;
    CHECK(rig->operations < FLASH_OPERATIONS_MAX);
    rig->began = malloc((rig->operations + 1) * sizeof *rig->began);
    memcpy(rig->began, b->flash.began, rig->operations * sizeof *rig->began);
    rig->began[rig->operations] = rig->units;
}

void power_end(power_rig *rig) {
    CHECK(rig->worse == 0);
    bench_free(&rig->b);
    free(rig->start);
    free(rig->began);
}

/* All of a report that does not count boots or reports. */
static const char *what_is_said(const bench *b) {
    const char *rest = strstr(b->said, "\"firmwareVersion\"");
    return rest != NULL ? rest : "";
}

/* What must hold whenever the device says something. */
static bool is_sound(power_rig *rig) {
    bench *b = &rig->b;
    const power_story *story = rig->story;
    const char *version = bench_said(b, "active.version");
    const bool known = (story->old_version != NULL && strcmp(version, story->old_version) == 0) ||
                 (story->old_version == NULL && version[0] == '\0') || strcmp(version, story->version) == 0;
    /* What runs has raised the floor. */
    const ef_slot *active = b->agent->active == EF_SLOT_NONE ? NULL : &b->agent->slots[b->agent->active];
    bool secure = active == NULL || active->security_version <= number_said(b, "securityFloor");
    bool tested = story->bad_version == NULL || strcmp(bench_said(b, "previous.version"), story->bad_version) != 0;
    return known && secure && tested && bench_runs_what_it_says(b) && bench_has_what_it_says(b) && b->broken == 0 &&
           (!rig->rotated || says_rotated(b)) &&
           number_said(b, "observedGeneration") >= rig->generation && number_said(b, "securityFloor") >= rig->floor &&
           (rig->enrolment[0] == '\0' || strcmp(bench_said(b, "enrolmentId"), rig->enrolment) == 0);
}

/* Two boots say the same. */
static bool boots_alike(power_rig *rig) {
    static char before[EF_REPORTED_MAX + 1];
    bench *b = &rig->b;
    for (unsigned i = 0; i < 2; i++) {
        if (bench_boot(b) != BENCH_RAN || b->agent == NULL || bench_poll(b) != BENCH_RAN || !is_sound(rig)) {
            return false;
        }
        note_promises(rig);
        if (i == 0) {
            strcpy(before, what_is_said(b));
            (void)snprintf(rig->enrolment, sizeof rig->enrolment, "%s", bench_said(b, "enrolmentId"));
        }
    }
    return before[0] != '\0' && strcmp(before, what_is_said(b)) == 0;
}

/* Told once more, the device ends where it would have without the cut, or says that a test was interrupted. */
static bool ends_as_told(power_rig *rig) {
    bench *b = &rig->b;
    const power_story *story = rig->story;
    bool interrupted = strcmp(bench_said(b, "reason"), "WatchdogReset") == 0;
    const char *reason = interrupted ? "WatchdogReset" : story->reason != NULL ? story->reason : "Ok";
    const char *phase = strcmp(reason, "Ok") == 0 ? "Confirmed" : "Failed";
    if (strcmp(bench_said(b, "reason"), reason) != 0 || strcmp(bench_said(b, "phase"), phase) != 0) {
        return false;
    }
    if (story->keys != NULL && !says_rotated(b)) {
        return false;
    }
    /* Interrupted in its first test, a device without a model has none. */
    const char *version = interrupted ? (story->old_version != NULL ? story->old_version : "") : story->version;
    return strcmp(bench_said(b, "active.version"), version) == 0;
}

static bool ends_well(power_rig *rig) {
    bench *b = &rig->b;
    bool good = strcmp(bench_said(b, "phase"), "Confirmed") == 0 && bench_runs_what_it_says(b) &&
                bench_has_what_it_says(b) && b->broken == 0 && number_said(b, "securityFloor") >= rig->floor &&
                number_said(b, "observedGeneration") >= rig->generation && (!rig->rotated || says_rotated(b));
    return good && strcmp(bench_said(b, "active.version"), rig->story->last_version) == 0;
}

static bool converges(power_rig *rig) {
    bench *b = &rig->b;
    const power_story *story = rig->story;
    if (obey(b, story->order, story->keys) != BENCH_RAN || !is_sound(rig) || !ends_as_told(rig)) {
        return false;
    }
    note_promises(rig);
    if (obey(b, story->again, NULL) != BENCH_RAN || !ends_well(rig)) {
        return false;
    }
    note_promises(rig);
    return bench_boot(b) == BENCH_RAN && bench_settle(b) == BENCH_RAN && ends_well(rig);
}

static void judge(power_rig *rig, power_cut first, power_cut second) {
    rig->cuts += second.unit > 0 ? 2 : 1;
    if (!boots_alike(rig) || !converges(rig)) {
        if (rig->worse++ == 0) {
            printf("    %s: power failed at unit %llu%s, then %llu%s of %llu; then it said %s\n", rig->story->name,
                   (unsigned long long)first.unit, first.clean ? ", clean" : "", (unsigned long long)second.unit,
                   second.clean ? ", clean" : "", (unsigned long long)rig->units, rig->b.said);
        }
    }
}

/* Back to the beginning. Noise depends on the cut alone, so that a failure can be repeated. */
static void reset(power_rig *rig, power_cut cut) {
    memcpy(rig->b.flash.bytes, rig->start, rig->b.flash.size);
    rig->b.flash.random = (uint32_t)cut.unit;
    rig->generation = 0;
    rig->floor = 0;
    rig->rotated = false;
    rig->enrolment[0] = rig->story->before[0] != NULL ? rig->enrolment[0] : '\0';
}

void power_fail(power_rig *rig, power_cut cut) {
    reset(rig, cut);
    CHECK(live(rig, cut) == BENCH_CUT);
    judge(rig, cut, (power_cut){0, false});
}

void power_fail_twice(power_rig *rig, power_cut first, power_cut second) {
    reset(rig, first);
    CHECK(live(rig, first) == BENCH_CUT);
    bench_end end = live(rig, second);
    if (end == BENCH_CUT) {
        judge(rig, first, second);
    }
}

uint32_t power_operations_after(power_rig *rig, power_cut cut, uint64_t *began) {
    reset(rig, cut);
    CHECK(live(rig, cut) == BENCH_CUT);
    CHECK(live(rig, (power_cut){0, false}) == BENCH_RAN);
    CHECK(rig->b.flash.operations < FLASH_OPERATIONS_MAX);
    memcpy(began, rig->b.flash.began, rig->b.flash.operations * sizeof *began);
    return rig->b.flash.operations;
}
