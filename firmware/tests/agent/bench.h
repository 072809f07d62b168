/* A device on the bench: the real core, with flash, registry, runtime, broker and clock that a test holds in its hands.
 *
 * Whatever the core says is checked against the contract's own tables; what it leaves in flash is there at the next
 * boot. */
#ifndef EDGEFLEET_TESTS_BENCH_H
#define EDGEFLEET_TESTS_BENCH_H

#include <setjmp.h>
#include <stdio.h>

#include "ef_state.h"
#include "flash_double.h"
#include "registry_double.h"
#include "runtime_double.h"

enum { BENCH_SLOT_BYTES = 16384, BENCH_ARENA_BYTES = 20480, BENCH_PHASES_MAX = 512, BENCH_KEYS = 4 };

typedef enum {
    BENCH_RAN,    /* for as long as was asked */
    BENCH_CUT,    /* power failed */
    BENCH_CRASHED /* the runtime took the device with it */
} bench_end;

typedef struct {
    const char *updates; /* the folder tests/golden/updates */
    FILE *documents;     /* what is published goes there too; may be NULL */
    flash_double flash;
    registry_double registry;
    runtime_double runtime;
    uint64_t now_ms;
    int64_t unix_ms;
    uint32_t watchdog_ms; /* 0: not armed */
    uint32_t random;
    bool random_fails;
    bool broker_refuses;
    ef_key keys[BENCH_KEYS]; /* to release and to assign with: those it was made with, then those to rotate to */
    ef_agent_config config;
    bool borrows_scratch;
    ef_hal hal;
    ef_agent *agent; /* NULL: not booted, or it would not start */
    void *memory;
    jmp_buf out;
    /* What was heard. */
    char said[EF_REPORTED_MAX + 1];      /* the last report */
    char phases[BENCH_PHASES_MAX];       /* of all reports since the last bench_forget, repetitions left out */
    char presence[EF_PRESENCE_MAX + 1];  /* the last one */
    char logged[256];                    /* the last line */
    unsigned reports;
    unsigned subscriptions; /* to commands */
    unsigned key_subscriptions;
    unsigned broken; /* documents that the contract refuses, and other promises not kept */
} bench;

/* A new board with erased flash. */
void bench_make(bench *b, const char *updates, FILE *documents);
void bench_free(bench *b);

/* Takes the lender's scratch in place of an own one; the lender lives longer. */
void bench_share_scratch(bench *b, bench *lender);

/* Powers up and connects. Then everything of before is forgotten but flash. */
bench_end bench_boot(bench *b);

/* Delivers a command of the updates folder by name, or any bytes. */
bench_end bench_send(bench *b, const char *name);
bench_end bench_send_bytes(bench *b, const uint8_t *bytes, size_t length);

/* The same with a key bundle. */
bench_end bench_send_keys(bench *b, const char *name);
bench_end bench_send_key_bytes(bench *b, const uint8_t *bytes, size_t length);

/* One poll, and the time that it asks for. */
bench_end bench_poll(bench *b);

/* Lets time pass. */
bench_end bench_run(bench *b, uint64_t ms);

/* Lets time pass until nothing is under way, at most an hour. */
bench_end bench_settle(bench *b);

/* Whether a poll of any bench has led from one step to the other. */
bool bench_took(ef_step from, ef_step to);

/* Runs what follows with power that fails at this unit of work; 0: never. */
void bench_cut_at(bench *b, uint64_t work);

void bench_forget(bench *b);

/* A member of the last report, such as "active.version"; "" when it is absent. Numbers as text. */
const char *bench_said(bench *b, const char *path);

/* Whether the bytes of the active slot are the model that the report names, whole, and loaded. */
bool bench_runs_what_it_says(bench *b);

/* Whether models and manifests of the active and the previous slot are those that the report names, byte for byte. */
bool bench_has_what_it_says(bench *b);

#endif
