/* Generated from operator/src/edgefleet/contracts by edgefleet.codegen.c_features; do not edit. */

#ifndef EDGEFLEET_GENERATED_FEATURES_H
#define EDGEFLEET_GENERATED_FEATURES_H

#include <stddef.h>
#include <stdint.h>

/* Windows, the machine they are of, and the bands that features look at; in samples, Hz and pascal. */
#define EF_WINDOW_SAMPLES 2048
#define EF_WINDOW_RATE_HZ 4096
#define EF_BASELINE_WINDOWS 10
#define EF_POLE_PAIRS 1
#define EF_LINE_HZ 50.0f
#define EF_BPFO 3.5848f
#define EF_BPFI 5.4152f
#define EF_SPEED_LOW 0.7f
#define EF_SPEED_HIGH 1.0f
#define EF_VELOCITY_LOW_HZ 10.0f
#define EF_VELOCITY_HIGH_HZ 1000.0f
#define EF_BAND_LOW_HZ 900.0f
#define EF_BAND_HIGH_HZ 1800.0f
#define EF_SOUND_REFERENCE_PASCAL 2e-05f
#define EF_FEATURE_DIGEST_BYTES 32

/* Indexes into ef_feature_schemas. */
typedef enum {
    EF_SCHEMA_MOTOR_LEVEL1 = 0,
    EF_SCHEMA_MOTOR_LEVEL2 = 1
} ef_feature_schema_kind;

#define EF_FEATURE_SCHEMAS_COUNT 2

/* Indexes of the features; every schema is a beginning of this list. */
typedef enum {
    EF_FEATURE_CURRENT = 0,
    EF_FEATURE_TEMPERATURE = 1,
    EF_FEATURE_VIBRATION = 2,
    EF_FEATURE_SOUND = 3,
    EF_FEATURE_ACCELERATION = 4,
    EF_FEATURE_KURTOSIS = 5,
    EF_FEATURE_CREST = 6,
    EF_FEATURE_ROTATION = 7,
    EF_FEATURE_ORDER1 = 8,
    EF_FEATURE_ORDER2 = 9,
    EF_FEATURE_ORDER3 = 10,
    EF_FEATURE_LINE_DOUBLE = 11,
    EF_FEATURE_HIGH_BAND = 12,
    EF_FEATURE_ENVELOPE = 13,
    EF_FEATURE_OUTER_RACE = 14,
    EF_FEATURE_INNER_RACE = 15,
    EF_FEATURE_CURRENT_FUNDAMENTAL = 16,
    EF_FEATURE_CURRENT_THD = 17,
    EF_FEATURE_CURRENT_SIDEBAND = 18,
    EF_FEATURE_CURRENT_CREST = 19,
    EF_FEATURE_SOUND_CREST = 20
} ef_feature;

#define EF_MOTOR_LEVEL1_FEATURES 4
#define EF_MOTOR_LEVEL2_FEATURES 21

/* Features of one window, in the order of a model's inputs. `nominals` stand for the means of a baseline until there is
 * one; a model's input is (value - mean) / scale. */
typedef struct {
    const char *name;
    uint8_t digest[EF_FEATURE_DIGEST_BYTES];
    size_t count;
    const char *const *names;
    const char *const *units;
    const float *scales;
    const float *nominals;
} ef_feature_schema;

extern const ef_feature_schema ef_feature_schemas[];

#endif /* EDGEFLEET_GENERATED_FEATURES_H */
