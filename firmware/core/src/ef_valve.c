#include "ef_valve.h"

void ef_valve_follow(ef_valve *valve, bool anomalous, const ef_hal *hal) {
    ef_valve_position wanted = anomalous ? EF_VALVE_CLOSED : EF_VALVE_OPEN;
    uint64_t now = hal->clock.monotonic_ms(hal->context);
    bool rests = valve->position == EF_VALVE_CLOSED && now - valve->closed_ms < EF_VALVE_CLOSED_MS;
    if (hal->actuator.set_valve == NULL || valve->position == wanted || (wanted == EF_VALVE_OPEN && rests)) {
        return;
    }
    if (!hal->actuator.set_valve(hal->context, wanted == EF_VALVE_OPEN)) {
        return; /* tried again when followed again */
    }
    valve->position = wanted;
    valve->closed_ms = wanted == EF_VALVE_CLOSED ? now : valve->closed_ms;
}
