/* Power cuts: what a device does is cut at one unit of work, or at two, and what it says and has in flash afterwards is
 * judged. */
#ifndef EDGEFLEET_TESTS_POWER_H
#define EDGEFLEET_TESTS_POWER_H

#include "check.h"

/* What a device is told while power may fail, and how that ends. */
typedef struct {
    const char *name;
    const char *before[3];    /* obeyed before, then NULL */
    uint32_t filled;          /* then so many bytes of the order's model are there when it restarts */
    const char *order;        /* NULL: the keys below */
    const char *keys;
    const char *old_version;  /* that runs before; NULL: none */
    const char *version;      /* that runs in the end */
    const char *reason;       /* why it fails; NULL: it ends well */
    const char *bad_version;  /* then: of the model that never counts as one that ran */
    const char *again;        /* a newer command, which ends well in any case */
    const char *last_version; /* that runs then */
} power_story;

extern const power_story power_stories[];
extern const size_t power_story_count;

typedef struct {
    uint64_t unit; /* of work, from 1 */
    bool clean;    /* before it; else in the middle of it */
} power_cut;

typedef struct {
    bench b;
    const power_story *story;
    uint8_t *start; /* flash when the device powers up for what is cut */
    char enrolment[64];
    int64_t generation;
    int64_t floor;
    bool rotated; /* it has said that it trusts the new keys */
    uint64_t units;      /* of work that the story takes */
    uint32_t operations; /* of flash */
    uint64_t *began;     /* units before each operation, and all at the end */
    uint64_t cuts;
    unsigned worse; /* cuts after which something did not hold */
} power_rig;

/* Prepares the story's beginning, and lives it once without a cut. */
void power_begin(power_rig *rig, const test_setting *setting, const power_story *story);
void power_end(power_rig *rig);

/* Lives it with one cut, then judges. */
void power_fail(power_rig *rig, power_cut cut);

/* Lives it with a cut, boots and goes on until the next one, then judges. */
void power_fail_twice(power_rig *rig, power_cut first, power_cut second);

/* Where the operations begin that follow after a cut: their number; `began` is for FLASH_OPERATIONS_MAX. */
uint32_t power_operations_after(power_rig *rig, power_cut cut, uint64_t *began);

#endif
