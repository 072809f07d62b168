#include "machine_double.h"

#include <math.h>

#define TAU 6.283185307179586

/* What a knock makes ring, and how fast that dies away. */
static const double ring_hertz = 1300.0;
static const double ring_damping = 0.06;
enum { RINGING_AT_ONCE = 4 };

void machine_make(machine_double *machine, uint32_t number) {
    *machine = (machine_double){
        .rotation = 43.5,
        .imbalance = 1.0,
        .hum = 0.4,
        .noise = 0.3,
        .amperes = 0.38,
        .third = 0.1,
        .sideband = 0.002,
        .pascal = 0.02,
        .celsius = 59.0f,
        .seconds = 0.001 * number,
        .random = number,
        .scales = {2.0f / 32768.0f, 0.005f, 0.0005f},
    };
}

/* Of variance 1, nearly normal. */
static double draw_noise(machine_double *machine) {
    double sum = 0.0;
    for (unsigned i = 0; i < 12; i++) {
        machine->random = machine->random * 1664525u + 1013904223u;
        sum += machine->random / 4294967296.0;
    }
    return sum - 6.0;
}

/* The ringing of one knock a period. */
static double ring(double seconds, double hertz) {
    double sum = 0.0;
    double since = fmod(seconds, 1.0 / hertz);
    for (unsigned i = 0; i < RINGING_AT_ONCE; i++, since += 1.0 / hertz) {
        sum += exp(-ring_damping * TAU * ring_hertz * since) * sin(TAU * ring_hertz * since);
    }
    return sum;
}

static double vibrate(machine_double *machine) {
    double t = machine->seconds;
    double turn = TAU * machine->rotation;
    double hum = TAU * 2.0 * (double)EF_LINE_HZ;
    double knocks = machine->outer_race * ring(t, (double)EF_BPFO * machine->rotation) +
                    machine->inner_race * (1.0 + 0.7 * cos(turn * t)) * ring(t, (double)EF_BPFI * machine->rotation);
    return 0.001 * sqrt(2.0) * (machine->imbalance * turn * sin(turn * t) + machine->hum * hum * sin(hum * t)) +
           machine->noise * draw_noise(machine) + knocks;
}

static double draw_current(const machine_double *machine) {
    double phase = TAU * (double)EF_LINE_HZ * machine->seconds;
    double slip = 1.0 - machine->rotation * EF_POLE_PAIRS / (double)EF_LINE_HZ;
    return machine->amperes * sqrt(2.0) *
           (sin(phase) + machine->third * sin(3.0 * phase) + machine->sideband * sin((1.0 - 2.0 * slip) * phase));
}

static int16_t convert(double value, float scale) {
    double steps = floor(value / (double)scale + 0.5);
    return (int16_t)fmin(fmax(steps, INT16_MIN), INT16_MAX);
}

void machine_sample(machine_double *machine, ef_sensor_frame *frames, size_t count) {
    for (size_t i = 0; i < count; i++) {
        frames[i].current = convert(draw_current(machine), machine->scales.ampere);
        frames[i].vibration = convert(vibrate(machine), machine->scales.metre_per_second2);
        frames[i].sound = convert(machine->pascal * draw_noise(machine), machine->scales.pascal);
        machine->seconds += 1.0 / EF_WINDOW_RATE_HZ;
    }
}
