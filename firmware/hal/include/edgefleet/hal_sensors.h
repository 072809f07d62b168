/* A machine's current, vibration and sound, sampled together, and its temperature. `start` NULL: no sensors. */
#ifndef EDGEFLEET_HAL_SENSORS_H
#define EDGEFLEET_HAL_SENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgefleet/hal_io.h"

typedef struct {
    int16_t current;
    int16_t vibration;
    int16_t sound;
} ef_sensor_frame;

typedef struct {
    float ampere_per_lsb;
    float metre_per_second2_per_lsb;
    float pascal_per_lsb;
    bool (*start)(void *context, uint32_t rate_hz);
    void (*stop)(void *context);
    /* EF_IO_AGAIN: no frame yet; EF_IO_END: samples were lost, begin the window again; EF_IO_FAILED: no sensor. */
    ef_io (*read)(void *context, ef_sensor_frame *frames, size_t capacity, size_t *got);
    bool (*temperature)(void *context, float *celsius);
} ef_hal_sensors;

#endif
