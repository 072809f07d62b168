/* What brings a device back that hangs. */
#ifndef EDGEFLEET_HAL_WATCHDOG_H
#define EDGEFLEET_HAL_WATCHDOG_H

#include <stdint.h>

typedef struct {
    /* Restarts the device after so many milliseconds, unless it is disarmed, or armed again, before. */
    void (*arm)(void *context, uint32_t ms);
    void (*disarm)(void *context); /* also of one that is not armed */
    /* Restarts the device now; does not return. */
    void (*restart)(void *context, const char *why);
} ef_hal_watchdog;

#endif
