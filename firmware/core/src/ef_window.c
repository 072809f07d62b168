#include "ef_window.h"

void ef_window_make(ef_window *window) {
    window->count = 0;
    window->overruns = 0;
    window->sampling = false;
}

bool ef_window_start(ef_window *window, const ef_hal *hal) {
    window->count = 0;
    window->sampling = hal->sensors.start(hal->context, EF_WINDOW_RATE_HZ);
    return window->sampling;
}

static void rest(ef_window *window, const ef_hal *hal) {
    window->sampling = false;
    hal->sensors.stop(hal->context);
}

ef_window_state ef_window_gather(ef_window *window, const ef_hal *hal) {
    while (window->count < EF_WINDOW_SAMPLES) {
        size_t room = EF_WINDOW_SAMPLES - window->count;
        size_t got = 0;
        ef_io end = hal->sensors.read(hal->context, &window->frames[window->count], room, &got);
        if (end == EF_IO_END) {
            /* A gap inside a window would be a knock that nobody heard. */
            window->overruns++;
            window->count = 0;
            return EF_WINDOW_WAITS;
        }
        if (end == EF_IO_AGAIN || (end == EF_IO_OK && got == 0)) {
            return EF_WINDOW_WAITS;
        }
        if (end != EF_IO_OK || got > room) {
            window->count = 0;
            rest(window, hal);
            return EF_WINDOW_FAILED;
        }
        window->count += (uint32_t)got;
    }
    rest(window, hal);
    return EF_WINDOW_WHOLE;
}

void ef_window_stop(ef_window *window, const ef_hal *hal) {
    if (window->sampling) {
        rest(window, hal);
    }
    window->count = 0;
}
