/* A shaded-pole motor that drives a fan, as its four sensors see it: waveforms, sample by sample, and no board.
 *
 * The machine is that of workloads/training (motors.py), 230 V, 50 Hz, 0.38 A and 2600 revolutions a minute at rated
 * load, here as signals: what turns, hums and knocks has its frequency, and what heats takes its time. Each motor has a
 * load, cooling, imbalance, resonance and surroundings of its own. */
#ifndef EDGEFLEET_POSIX_MACHINE_MOTOR_H
#define EDGEFLEET_POSIX_MACHINE_MOTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "edgefleet/hal_sensors.h"

/* What one step of the converters is: 2 A, 160 m/s2 and 16 Pa at full scale. */
#define MOTOR_AMPERE_PER_LSB (2.0f / 32768.0f)
#define MOTOR_METRE_PER_SECOND2_PER_LSB (160.0f / 32768.0f)
#define MOTOR_PASCAL_PER_LSB (16.0f / 32768.0f)

/* What is wrong. Severities go from 0, nothing, to 1, about to fail. */
typedef struct {
    double bearing;     /* a spall in the outer race: knocks that make the frame ring, and roughness */
    double imbalance;   /* of the fan */
    double blocked_air; /* what is to cool does not */
    double overload;    /* the fan moves more than it is made for */
    /* Of the sensors, not of the motor. */
    double temperature_offset; /* Celsius */
    double vibration_gain;     /* 1 for a true one */
} px_faults;

typedef struct {
    /* Of this motor. */
    double duty;    /* load, of the rated one */
    double cooling; /* thermal resistance, of the usual one */
    double imbalance; /* mm/s at rated speed */
    double hum;       /* mm/s at twice the line frequency */
    double room;      /* sound power of its surroundings, in squares of 20 uPa */
    double ambient;   /* Celsius */
    double resonance; /* Hz, of the frame */
    /* How it is now. */
    double line;    /* phase of the supply, in turns */
    double shaft;   /* of the rotor, in turns */
    double race;    /* turns since the last ball passed the outer race's spall, in passes */
    double pass;    /* where the next one knocks: they slip a little */
    double slipping; /* phase of the rotor's sideband, in turns */
    double draught; /* how the load wanders about its duty */
    double supply;  /* how the voltage wanders about 1 */
    double ring[2]; /* of the frame: acceleration as it rings, and one sample before */
    double celsius;
    bool is_loaded; /* the valve is open */
    uint64_t random;
} px_motor;

/* A sound motor, warm from running; another seed is another motor. */
void motor_make(px_motor *motor, uint64_t seed);

/* Time passes, and only heat notices. */
void motor_pass(px_motor *motor, const px_faults *faults, double seconds);

/* The next samples. */
void motor_sample(px_motor *motor, const px_faults *faults, uint32_t rate_hz, ef_sensor_frame *frames, size_t count);

/* What the thermometer says. */
double motor_celsius(px_motor *motor, const px_faults *faults);

/* Without a fault and with true sensors. */
px_faults motor_faultless(void);

#endif
