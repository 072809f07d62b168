/* A device on the bench that senses: a machine before its sensors, a valve, and an ear for what it says of both. */
#ifndef EDGEFLEET_TESTS_SENSE_BENCH_H
#define EDGEFLEET_TESTS_SENSE_BENCH_H

#include "check.h"
#include "ef_sense.h"
#include "machine_double.h"

enum { SENSE_TOPICS_MAX = 16, SENSE_TOPIC_MAX = 96, SENSE_MOVES_MAX = 64 };

typedef struct {
    unsigned count;                 /* documents since the last sense_forget */
    char last[EF_TELEMETRY_MAX + 1];
} sense_said;

typedef struct {
    bench b; /* first: the HAL's context is both */
    ef_hal base; /* the bench's own */
    machine_double machine;
    /* The sensors. */
    bool running;
    bool do_not_start;
    bool do_not_read;
    bool no_temperature;
    unsigned lose;        /* so many reads from now, samples are lost; 0: never */
    uint64_t started_ms;
    uint64_t read_frames; /* since they started */
    unsigned starts;
    unsigned reads_while_tested;
    /* The valve. */
    bool valve_sticks;
    char moves[SENSE_MOVES_MAX]; /* 'o' and 'c' in turn */
    /* What was heard. */
    sense_said telemetry;
    sense_said anomaly;
    sense_said alert;
    char topics[SENSE_TOPICS_MAX][SENSE_TOPIC_MAX]; /* telemetry topics that are subscribed */
    unsigned inferences_unwatched;
} sense_bench;

/* A new board at a healthy machine, booted; nothing is under way. */
void sense_make(sense_bench *s, const test_setting *setting);
void sense_end(sense_bench *s);

/* Powers up again. */
bench_end sense_boot(sense_bench *s);

/* Obeys a command of the updates folder: until it is confirmed, or refused. */
void sense_obey(sense_bench *s, const char *name);

/* Lets windows pass: whole periods of the setting in force. */
void sense_windows(sense_bench *s, unsigned count);

void sense_forget(sense_bench *s);

/* A member of the last document of a kind, as text; "" when it is absent. Items of an array by number. */
const char *sense_text(const sense_said *said, const char *path);

/* Delivers telemetry as another device says it. */
void sense_hear(sense_bench *s, const char *id, const char *document);

bool sense_is_subscribed(const sense_bench *s, const char *id);

#endif
