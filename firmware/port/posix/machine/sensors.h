/* The sensors on the simulated machine, in real time, and the valve in its supply. */
#ifndef EDGEFLEET_POSIX_MACHINE_SENSORS_H
#define EDGEFLEET_POSIX_MACHINE_SENSORS_H

#include "machine/faults.h"

typedef struct {
    px_motor motor;
    px_fault_file faults;
    uint32_t rate_hz;    /* 0: at rest */
    uint64_t started_ms; /* of the sampling at hand */
    uint64_t taken;      /* frames since then */
    uint64_t passed_ms;  /* until when the machine has lived */
} px_sensors;

/* A machine of its own for each device id; `faults` is the path of a file, or NULL. */
void sensors_prepare(px_sensors *sensors, const char *device_id, const char *faults);

/* The HAL's calls. Frames come as time passes; whoever fetches them a second late has lost them. */
bool sensors_start(px_sensors *sensors, uint32_t rate_hz);
void sensors_stop(px_sensors *sensors);
ef_io sensors_read(px_sensors *sensors, ef_sensor_frame *frames, size_t capacity, size_t *got);
bool sensors_temperature(px_sensors *sensors, float *celsius);

/* Opens or closes the valve: the motor without its load runs light. */
bool sensors_set_valve(px_sensors *sensors, bool open);

#endif
