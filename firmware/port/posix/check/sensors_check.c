/* Sensors in real time: `sensors_check FILE`, whose faults it changes. Says what is wrong and exits 1. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "machine/sensors.h"

#define RATE_HZ 4096u

static void expect(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "sensors_check: not so: %s\n", what);
        exit(1);
    }
}

static void sleep_for(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void check_time(px_sensors *sensors) {
    static ef_sensor_frame frames[RATE_HZ];
    size_t got = 1;
    expect(sensors_read(sensors, frames, RATE_HZ, &got) == EF_IO_FAILED && got == 0, "sensors at rest have no samples");
    expect(!sensors_start(sensors, 0) && sensors_start(sensors, RATE_HZ), "they start");
    uint64_t began = now_ms();
    sleep_for(200);
    expect(sensors_read(sensors, frames, 10, &got) == EF_IO_OK && got == 10, "no more samples than there is room for");
    expect(sensors_read(sensors, frames, RATE_HZ, &got) == EF_IO_OK, "and the others later");
    uint64_t most = (now_ms() - began + 1) * RATE_HZ / 1000u;
    expect(got >= 190 * RATE_HZ / 1000u && got <= most, "as many as there was time for");
    while (sensors_read(sensors, frames, RATE_HZ, &got) == EF_IO_OK) {
        expect(got <= RATE_HZ / 10, "not more than that");
    }
    sleep_for(1500);
    expect(sensors_read(sensors, frames, RATE_HZ, &got) == EF_IO_END && got == 0, "who comes late has lost samples");
    sleep_for(50);
    expect(sensors_read(sensors, frames, RATE_HZ, &got) == EF_IO_OK && got < RATE_HZ / 2, "and goes on with new ones");
    sensors_stop(sensors);
    expect(sensors_read(sensors, frames, RATE_HZ, &got) == EF_IO_FAILED, "they stop");
}

static void write_faults(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    expect(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "the file is written");
}

static float read_celsius(px_sensors *sensors) {
    float celsius = 0;
    expect(sensors_temperature(sensors, &celsius), "there is a temperature");
    return celsius;
}

static void check_faults(px_sensors *sensors, const char *path) {
    float sound = read_celsius(sensors);
    write_faults(path, "# by hand\n\n temperature-offset 20 # too much\n");
    float shifted = read_celsius(sensors);
    expect(shifted > sound + 15 && shifted < sound + 25, "a fault counts when it is there");
    write_faults(path, "temperature-offset warm\n");
    expect(read_celsius(sensors) > sound + 15, "what cannot be understood changes nothing");
    expect(remove(path) == 0 && read_celsius(sensors) < sound + 5, "without the file nothing is wrong");
}

int main(int count, char **arguments) {
    px_sensors sensors;
    px_sensors other;
    if (count != 2) {
        return 64;
    }
    sensors_prepare(&sensors, "press-07", arguments[1]);
    sensors_prepare(&other, "press-08", NULL);
    expect(sensors.motor.duty < other.motor.duty || sensors.motor.duty > other.motor.duty,
           "each device has a machine of its own");
    check_time(&sensors);
    check_faults(&sensors, arguments[1]);
    expect(sensors_set_valve(&sensors, false) && !sensors.motor.is_loaded && sensors_set_valve(&sensors, true) &&
               sensors.motor.is_loaded,
           "the valve moves");
    return 0;
}
