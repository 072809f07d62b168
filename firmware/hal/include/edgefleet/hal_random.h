/* Randomness, for names that nobody else has and for waiting out of step; the port's TLS has its own. */
#ifndef EDGEFLEET_HAL_RANDOM_H
#define EDGEFLEET_HAL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    bool (*fill)(void *context, void *out, size_t length);
} ef_hal_random;

#endif
