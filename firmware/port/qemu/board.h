/* A board that QEMU plays: flash in RAM, a broker that a script speaks for, a model registry of files.
 *
 * The model runtime is the tests' (firmware/tests/agent/runtime_double.c), which adds up bytes: nothing here shows that
 * a TensorFlow model runs. */
#ifndef EDGEFLEET_QEMU_BOARD_H
#define EDGEFLEET_QEMU_BOARD_H

#include <setjmp.h>

#include "edgefleet/agent.h"
#include "nor.h"
#include "registry.h"
#include "runtime_double.h"

enum { BOARD_SLOT_BYTES = 16384, BOARD_ARENA_BYTES = 20480 };

typedef enum {
    BOARD_RAN,
    BOARD_CUT,    /* power failed */
    BOARD_CRASHED /* the runtime took the device with it */
} board_end;

typedef struct {
    nor flash;
    registry server;
    runtime_double runtime;
    uint64_t now_ms;
    uint32_t random;
    ef_key keys[2]; /* release, assignment */
    ef_agent_config config;
    ef_hal hal;
    ef_agent *agent;
    jmp_buf out;
    bool reported; /* since the last message */
    uint32_t reports;
    size_t said_length;
    uint8_t said[EF_REPORTED_MAX]; /* the last report */
} board;

/* A new board; false when the keys of the tests cannot be read. */
bool board_make(board *b);

/* Powers up and connects; all memory but flash is as if nobody had been there. */
board_end board_boot(board *b);

/* Sends an order or, for NULL, switches off and on. A device that crashes restarts; then time passes until it rests. */
board_end board_play(board *b, const char *order);

/* Delivers a command of tests/golden/updates/desired, and lets time pass until nothing is under way. */
board_end board_obey(board *b, const char *order);

/* Copies a member of the last report, such as "active.version"; "" when it is absent. */
const char *board_said(const board *b, const char *path);

/* Whether the active slot holds, byte for byte, the published model that the report names, and it is loaded. */
bool board_runs_what_it_says(const board *b);

#endif
