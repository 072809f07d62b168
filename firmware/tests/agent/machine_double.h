/* A small motor and what its sensors sample, healthy or not: sines, noise and the ringing of knocks. */
#ifndef EDGEFLEET_TESTS_MACHINE_DOUBLE_H
#define EDGEFLEET_TESTS_MACHINE_DOUBLE_H

#include "edgefleet/features.h"

typedef struct {
    double rotation;   /* Hz */
    double imbalance;  /* mm/s at the rotation, root mean square */
    double hum;        /* mm/s at twice the line frequency, likewise */
    double noise;      /* m/s2, likewise */
    double outer_race; /* m/s2, amplitude of the ringing that each ball starts */
    double inner_race;
    double amperes;    /* root mean square of the fundamental */
    double third;      /* harmonic, as a share of the fundamental */
    double sideband;   /* of a broken bar, likewise */
    double pascal;     /* root mean square of the sound */
    float celsius;
    double seconds;    /* since it was made */
    uint32_t random;
    ef_sensor_scales scales;
} machine_double;

/* A healthy machine; one of another number has other noise and other phases. */
void machine_make(machine_double *machine, uint32_t number);

/* What follows, at EF_WINDOW_RATE_HZ. */
void machine_sample(machine_double *machine, ef_sensor_frame *frames, size_t count);

#endif
