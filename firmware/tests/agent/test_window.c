/* A window is consecutive frames, however the sensors hand them out. */
#include <string.h>

#include "check.h"
#include "ef_window.h"

typedef struct {
    ef_window window;
    ef_hal hal;
    int16_t next;       /* frame */
    const char *script; /* a digit: so many hundred frames; 'a' again, 'e' end, 'f' failed, 'x' more than asked for */
    unsigned starts;
    unsigned stops;
} numbered;

static bool start(void *context, uint32_t rate_hz) {
    ((numbered *)context)->starts++;
    return rate_hz == EF_WINDOW_RATE_HZ;
}

static void stop(void *context) {
    ((numbered *)context)->stops++;
}

static ef_io hand_out(void *context, ef_sensor_frame *frames, size_t capacity, size_t *got) {
    numbered *n = context;
    char what = *n->script != '\0' ? *n->script++ : '9';
    if (what < '0' || what > '9') {
        *got = what == 'x' ? capacity + 1 : 0;
        n->next = (int16_t)(what == 'e' ? n->next + 50 : n->next);
        return what == 'a' ? EF_IO_AGAIN : what == 'e' ? EF_IO_END : what == 'f' ? EF_IO_FAILED : EF_IO_OK;
    }
    *got = (size_t)(what - '0') * 100;
    *got = *got < capacity ? *got : capacity;
    for (size_t i = 0; i < *got; i++, n->next++) {
        frames[i] = (ef_sensor_frame){n->next, (int16_t)-n->next, 7};
    }
    return EF_IO_OK;
}

static ef_window_state gather(numbered *n, const char *script) {
    ef_window_state state = EF_WINDOW_WAITS;
    memset(n, 0, sizeof *n);
    n->hal.context = n;
    n->hal.sensors = (ef_hal_sensors){.start = start, .stop = stop, .read = hand_out};
    n->script = script;
    ef_window_make(&n->window);
    CHECK(ef_window_start(&n->window, &n->hal));
    for (unsigned i = 0; i < 10 && state == EF_WINDOW_WAITS; i++) {
        state = ef_window_gather(&n->window, &n->hal);
    }
    return state;
}

static bool is_consecutive(const ef_window *window, int16_t first) {
    for (unsigned i = 0; i < EF_WINDOW_SAMPLES; i++) {
        int16_t number = (int16_t)(first + (int16_t)i);
        if (window->frames[i].current != number || window->frames[i].vibration != -number) {
            return false;
        }
    }
    return true;
}

static void test_a_window_is_consecutive_frames(const test_setting *setting) {
    static const struct {
        const char *script;
        int16_t first;
        uint32_t overruns;
    } rows[] = {{"", 0, 0}, {"1a22a0a9", 0, 0}, {"9ea9", 950, 1}, {"e", 50, 1}, {"99e1ea", 2000, 2}};
    (void)setting;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        numbered n;
        CHECK(gather(&n, rows[i].script) == EF_WINDOW_WHOLE);
        CHECK(is_consecutive(&n.window, rows[i].first));
        CHECK(n.window.overruns == rows[i].overruns);
        CHECK(n.starts == 1 && n.stops == 1 && !n.window.sampling);
    }
}

static void test_sensors_that_break_rest(const test_setting *setting) {
    static const char *const scripts[] = {"f", "9f", "3x"};
    (void)setting;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        numbered n;
        CHECK(gather(&n, scripts[i]) == EF_WINDOW_FAILED);
        CHECK(n.stops == 1 && n.window.count == 0 && !n.window.sampling);
        ef_window_stop(&n.window, &n.hal); /* they rest already */
        CHECK(n.stops == 1);
    }
}

static void test_a_window_that_is_dropped_leaves_nothing(const test_setting *setting) {
    numbered n;
    (void)setting;
    CHECK(gather(&n, "5aaaaaaaaaa") == EF_WINDOW_WAITS);
    CHECK(n.window.count == 500);
    ef_window_stop(&n.window, &n.hal);
    CHECK(n.stops == 1 && n.window.count == 0 && !n.window.sampling);
}

const named_test window_tests[] = {
    {"a-window-is-consecutive-frames", test_a_window_is_consecutive_frames},
    {"sensors-that-break-rest", test_sensors_that_break_rest},
    {"a-window-that-is-dropped-leaves-nothing", test_a_window_that_is_dropped_leaves_nothing},
    {NULL, NULL},
};
