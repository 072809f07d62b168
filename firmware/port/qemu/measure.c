#include "measure.h"

#include <string.h>

#include "console.h"
#include "memory.h"

typedef struct {
    const char *name;
    uint32_t first; /* sectors: docs/firmware.md draws them */
    uint32_t end;
} region;

static const region regions[] = {
    {".journal", 0, 2}, {".manifests", 2, 10}, {".inbox", 10, 14}, {".payload", 14, 16}, {".models", 16, NOR_SECTORS_MAX}};

/* What a device does in its life, and what it did before; each begins with a new journal. */
typedef struct {
    const char *name;
    const char *before[2];
    const char *order; /* NULL: a restart */
} deployment;

static const deployment deployments[] = {
    {"first", {NULL, NULL}, "first"},
    {"update", {"first", NULL}, "second"},
    {"back", {"first", "second"}, "back"},
    {"settings", {"first", NULL}, "settings"},
    {"refused", {"first", NULL}, "other-class"},
    {"restart", {"first", "second"}, NULL},
};

void measure(const char *name, const char *part, const char *unit, uint32_t number) {
    print_text("measured ");
    print_text(name);
    print_text(part);
    print_text(unit);
    print_text(" ");
    print_number(number);
    print_text("\n");
}

void measure_memory(board *b) {
    if (!board_make(b)) {
        return;
    }
    stack_mark();
    (void)board_play(b, NULL);
    (void)board_play(b, "first");
    (void)board_play(b, "second");
    measure("stack", "", "", (uint32_t)stack_used());
    measure("heap", "", "", (uint32_t)heap_peak());
    measure("agent", "", "", (uint32_t)ef_agent_size());
    measure("scratch", "", "", (uint32_t)ef_scratch_size());
    measure("provision", "", "", (uint32_t)ef_provision_size());
    measure("sense", "", "", (uint32_t)ef_sense_size());
    measure("sense_work", "", "", (uint32_t)(EF_FEATURES_WORK * sizeof(float)));
}

/* Restarts, each of which appends a record, until the journal moves to its other sector: what that takes. */
static void measure_move(board *b) {
    enum { RESTARTS_MAX = 1000 };
    uint32_t bytes = 0;
    for (unsigned i = 0; i < RESTARTS_MAX && bytes == 0; i++) {
        memset(b->flash.wear, 0, sizeof b->flash.wear);
        (void)board_play(b, NULL);
        for (uint32_t sector = regions[0].first; sector < regions[0].end; sector++) {
            bytes += b->flash.wear[sector].erases > 0 ? b->flash.wear[sector].bytes : 0;
        }
    }
    measure("journal.move", "", "", bytes);
}

static void measure_region(const board *b, const char *what, const region *where) {
    nor_wear all = {0, 0, 0};
    for (uint32_t sector = where->first; sector < where->end; sector++) {
        all.programs += b->flash.wear[sector].programs;
        all.bytes += b->flash.wear[sector].bytes;
        all.erases += b->flash.wear[sector].erases;
    }
    measure(what, where->name, ".programs", all.programs);
    measure(what, where->name, ".bytes", all.bytes);
    measure(what, where->name, ".erases", all.erases);
}

static void measure_deployment(board *b, const deployment *each) {
    if (!board_make(b) || board_play(b, NULL) != BOARD_RAN) {
        return;
    }
    for (size_t i = 0; i < 2 && each->before[i] != NULL; i++) {
        (void)board_play(b, each->before[i]);
    }
    memset(b->flash.wear, 0, sizeof b->flash.wear);
    (void)board_play(b, each->order);
    for (size_t at = 0; at < sizeof regions / sizeof regions[0]; at++) {
        measure_region(b, each->name, &regions[at]);
    }
    if (each->order == NULL) {
        measure_move(b);
    }
}

void measure_wear(board *b) {
    for (size_t i = 0; i < sizeof deployments / sizeof deployments[0]; i++) {
        measure_deployment(b, &deployments[i]);
    }
}
