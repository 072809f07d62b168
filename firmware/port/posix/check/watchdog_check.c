/* The watchdog alone: `watchdog_check hang` must be ended by it, `watchdog_check work` must not. */
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "watchdog.h"

static void work_for(uint32_t ms) {
    volatile uint32_t turns = 0;
    for (uint64_t end = now_ms() + ms; now_ms() < end;) {
        turns++;
    }
}

int main(int count, char **arguments) {
    bool hangs = count == 2 && strcmp(arguments[1], "hang") == 0;
    watchdog_arm(1000);
    for (unsigned i = 0; i < 4; i++) {
        work_for(400);
        watchdog_arm(1000); /* again, in time */
    }
    watchdog_arm(100);
    if (hangs) {
        work_for(20000);
        return 1;
    }
    watchdog_disarm();
    watchdog_disarm();
    work_for(400);
    return 0;
}
