#include "machine/sensors.h"

#include "log.h"

#define RATE_MOST_HZ 65536u

void sensors_prepare(px_sensors *sensors, const char *device_id, const char *faults) {
    uint64_t seed = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *each = device_id; *each != '\0'; each++) {
        seed = (seed ^ (uint8_t)*each) * UINT64_C(1099511628211);
    }
    *sensors = (px_sensors){.passed_ms = now_ms()};
    motor_make(&sensors->motor, seed);
    faults_watch(&sensors->faults, faults);
}

/* The machine has lived while nobody looked. */
static void catch_up(px_sensors *sensors) {
    uint64_t now = now_ms();
    faults_read(&sensors->faults);
    motor_pass(&sensors->motor, &sensors->faults.now, (double)(now - sensors->passed_ms) / 1e3);
    sensors->passed_ms = now;
}

bool sensors_start(px_sensors *sensors, uint32_t rate_hz) {
    if (rate_hz == 0 || rate_hz > RATE_MOST_HZ) {
        return false;
    }
    catch_up(sensors);
    sensors->rate_hz = rate_hz;
    sensors->started_ms = now_ms();
    sensors->taken = 0;
    return true;
}

void sensors_stop(px_sensors *sensors) {
    sensors->rate_hz = 0;
}

ef_io sensors_read(px_sensors *sensors, ef_sensor_frame *frames, size_t capacity, size_t *got) {
    *got = 0;
    if (sensors->rate_hz == 0) {
        return EF_IO_FAILED;
    }
    uint64_t due = (now_ms() - sensors->started_ms) * sensors->rate_hz / 1000u - sensors->taken;
    if (due > sensors->rate_hz) {
        sensors->taken += due; /* a converter's memory is small */
        return EF_IO_END;
    }
    *got = due < capacity ? (size_t)due : capacity;
    if (*got == 0) {
        return EF_IO_AGAIN;
    }
    motor_sample(&sensors->motor, &sensors->faults.now, sensors->rate_hz, frames, *got);
    sensors->taken += *got;
    sensors->passed_ms = now_ms();
    return EF_IO_OK;
}

bool sensors_temperature(px_sensors *sensors, float *celsius) {
    catch_up(sensors);
    *celsius = (float)motor_celsius(&sensors->motor, &sensors->faults.now);
    return true;
}

bool sensors_set_valve(px_sensors *sensors, bool open) {
    if (sensors->motor.is_loaded != open) {
        say(LEVEL_INFO, "valve: %s", open ? "open" : "closed");
    }
    sensors->motor.is_loaded = open;
    return true;
}
