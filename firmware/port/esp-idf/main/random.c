#include <esp_random.h>

#include "board.h"

/* True randomness while the radio runs: network_open comes before anything that asks. */
static bool fill_random(void *context, void *out, size_t length) {
    (void)context;
    esp_fill_random(out, length);
    return true;
}

void random_wire(ef_hal *hal) {
    hal->random = (ef_hal_random){.fill = fill_random};
}
