/* A device on a board of the fuzzer, and what it promises at any moment. */
#ifndef EDGEFLEET_FUZZ_DEVICE_H
#define EDGEFLEET_FUZZ_DEVICE_H

#include "board.h"
#include "ef_state.h"
#include "input.h"

typedef struct {
    fuzz_board *board;
    ef_agent *agent; /* NULL: it would not start */
    uint32_t fails_after; /* of the next boot: so many changes of flash work (fuzz_board) */
    bool tampered;   /* flash was changed from outside: what was remembered may be forgotten */
    /* Only ever rise, unless flash was tampered with. */
    int64_t generation;
    int64_t floor;
    int64_t keys_version;
    unsigned alerts; /* that it published */
    /* When the active model was hashed last: flash does not change by itself. */
    uint32_t checked_at;
    unsigned checked_slot;
} fuzz_device;

/* The same device at each call, with erased flash and without power. */
fuzz_device *device_new(void);

/* Powers up, and holds what boots against what is in flash. Power may fail again while it boots: false. */
bool device_boot(fuzz_device *device);

/* Polls so many times, or until it wants to wait for longer than `patience` ms; time passes as it asks. False: it lost
 * power or crashed. */
bool device_run(fuzz_device *device, unsigned polls, uint64_t patience);

/* Delivers bytes on a topic; NULL is the topic of its commands. False as above. */
bool device_hear(fuzz_device *device, const char *topic, size_t topic_length, const uint8_t *bytes, size_t length);

/* What must hold between any two calls. */
void device_check(fuzz_device *device);

#endif
