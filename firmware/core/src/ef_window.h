/* One window of samples, gathered from the board's sensors in memory that is the caller's. */
#ifndef EDGEFLEET_EF_WINDOW_H
#define EDGEFLEET_EF_WINDOW_H

#include "edgefleet/features.h"
#include "edgefleet/hal.h"

typedef struct {
    ef_sensor_frame frames[EF_WINDOW_SAMPLES];
    uint32_t count;    /* of them that are there */
    uint32_t overruns; /* how often samples were lost, since ef_window_make */
    bool sampling;     /* the sensors are running */
} ef_window;

/* How gathering goes. */
typedef enum {
    EF_WINDOW_WAITS, /* more samples are to come */
    EF_WINDOW_WHOLE, /* `frames` are one window without a gap; the sensors rest */
    EF_WINDOW_FAILED /* the sensors cannot be read; they rest, and what was gathered is dropped */
} ef_window_state;

/* An empty window, nothing counted. */
void ef_window_make(ef_window *window);

/* Starts the sensors at EF_WINDOW_RATE_HZ and an empty window; false when they do not start. */
bool ef_window_start(ef_window *window, const ef_hal *hal);

/* Takes what the sensors have, without waiting. Lost samples begin the window again. */
ef_window_state ef_window_gather(ef_window *window, const ef_hal *hal);

/* Stops the sensors and drops what was gathered; nothing happens where they rest. */
void ef_window_stop(ef_window *window, const ef_hal *hal);

#endif
