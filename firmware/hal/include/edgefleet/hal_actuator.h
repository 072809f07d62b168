/* What the device can do to its machine. NULL: nothing. */
#ifndef EDGEFLEET_HAL_ACTUATOR_H
#define EDGEFLEET_HAL_ACTUATOR_H

#include <stdbool.h>

typedef struct {
    bool (*set_valve)(void *context, bool open);
} ef_hal_actuator;

#endif
