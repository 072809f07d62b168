/* A board whose every answer the input chooses: flash that takes each byte once and loses power, a stream that says what
 * it is told to, a runtime that crashes, a broker that refuses. */
#ifndef EDGEFLEET_FUZZ_BOARD_H
#define EDGEFLEET_FUZZ_BOARD_H

#include <setjmp.h>

#include "edgefleet/agent.h"
#include "flash_double.h"
#include "runtime_double.h"

enum { BOARD_SLOT_BYTES = 16384, BOARD_ARENA_BYTES = 20480, BOARD_ANSWER_MAX = 20000, BOARD_REQUEST_MAX = 1024 };

typedef enum {
    STREAM_HONEST,      /* what was asked for, from the world (world.h) */
    STREAM_CUT,         /* the same, up to a byte of it; then the end */
    STREAM_BROKEN,      /* the same, then a failure */
    STREAM_SLOW,        /* one byte at a time, with pauses */
    STREAM_OTHER_BYTES, /* the right head; one byte of the body is another */
    STREAM_RAW,         /* any bytes */
    STREAM_SILENT,
    STREAM_UNREACHABLE,
    STREAM_MANNERS
} stream_manner;

typedef struct {
    flash_double flash;
    runtime_double runtime;
    ef_hal hal;
    jmp_buf out; /* where power failing and a crash lead to */
    uint64_t now_ms;
    int64_t unix_ms;
    uint32_t random;
    bool random_fails;
    bool broker_refuses;
    uint32_t flash_fails_after; /* so many changes of flash more, then none until the next restart; 0: never */
    /* The connection. */
    stream_manner manner;
    uint16_t at_byte;       /* of STREAM_CUT, _BROKEN and _OTHER_BYTES */
    uint16_t piece;         /* most bytes of one read; 0: any */
    const uint8_t *raw;     /* of STREAM_RAW */
    size_t raw_length;
    bool open;
    char request[BOARD_REQUEST_MAX + 1];
    size_t request_length;
    uint8_t answer[BOARD_ANSWER_MAX];
    size_t answer_length;
    size_t answer_at;
    /* Fills `answer` for the request. */
    void (*serve)(void *board);
    /* Hears what is published; may be NULL. */
    void (*heard)(void *board, const char *topic, const uint8_t *bytes, size_t length);
} fuzz_board;

/* The same board at each call, its flash erased and everything else as new. */
fuzz_board *board_new(void);

/* Closes and forgets what a restart forgets. */
void board_power_down(fuzz_board *board);

/* Adds to the answer; what does not fit is left out. */
void board_say(fuzz_board *board, const void *bytes, size_t length);

#endif
