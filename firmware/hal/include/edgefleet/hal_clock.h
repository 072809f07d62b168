/* Time. */
#ifndef EDGEFLEET_HAL_CLOCK_H
#define EDGEFLEET_HAL_CLOCK_H

#include <stdint.h>

typedef struct {
    uint64_t (*monotonic_ms)(void *context);
    /* Since 1970; 0: nobody has told the time. It stamps what is said, and never decides an update. */
    int64_t (*unix_ms)(void *context);
} ef_hal_clock;

#endif
