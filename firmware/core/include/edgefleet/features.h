/* What a window of samples says about a machine: docs/features.md has every formula and where it comes from. */
#ifndef EDGEFLEET_FEATURES_H
#define EDGEFLEET_FEATURES_H

#include <stdbool.h>

#include "edgefleet/hal_sensors.h"
#include "edgefleet_features.h"

/* What one step of the converters is. */
typedef struct {
    float ampere;
    float metre_per_second2;
    float pascal;
} ef_sensor_scales;

/* Floats of working memory. */
#define EF_FEATURES_WORK EF_WINDOW_SAMPLES

/* The features of EF_WINDOW_SAMPLES frames at EF_WINDOW_RATE_HZ, in the order and the units of the schema motor-level2,
 * whose beginning is motor-level1. False when one of them is no finite number, which only a temperature or a scale that
 * is none can do: whatever the samples are, their features are finite. */
bool ef_features(const ef_sensor_frame *window, float celsius, const ef_sensor_scales *scales,
                 float work[EF_FEATURES_WORK], float features[EF_MOTOR_LEVEL2_FEATURES]);

#endif
