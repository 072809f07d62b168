/* The board's watchdog: a timer that ends the process, as it would reset a board, unless it is told in time not to. */
#ifndef EDGEFLEET_POSIX_WATCHDOG_H
#define EDGEFLEET_POSIX_WATCHDOG_H

#include <stdint.h>

/* Ends the process with STATUS_PANIC after so many milliseconds, whatever it is doing then, unless armed again or
 * disarmed before. */
void watchdog_arm(uint32_t ms);

/* Also when it is not armed. */
void watchdog_disarm(void);

#endif
