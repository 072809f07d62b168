/* What a machine measures while it is healthy: commissioned once, subtracted from then on. */
#ifndef EDGEFLEET_EF_BASELINE_H
#define EDGEFLEET_EF_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgefleet_features.h"

#define EF_COMMISSION_MAX 64u

/* As in flash: one record, so that a token never stands beside another one's statistics. */
typedef struct {
    char token[EF_COMMISSION_MAX + 4]; /* of the request that it answers, NUL to the end; empty: there is none */
    uint32_t windows;
    uint8_t schema[EF_FEATURE_DIGEST_BYTES]; /* of motor-level2: features that are computed otherwise have other means */
    float means[EF_MOTOR_LEVEL2_FEATURES];
    float stds[EF_MOTOR_LEVEL2_FEATURES]; /* of the windows, over windows - 1 */
} ef_baseline;

/* Statistics under way, by Welford's recurrence: one window at a time, and no sum of squares that eats the digits. */
typedef struct {
    uint32_t windows;
    float means[EF_MOTOR_LEVEL2_FEATURES];
    float squares[EF_MOTOR_LEVEL2_FEATURES]; /* of the deviations */
} ef_commissioning;

void ef_commissioning_begin(ef_commissioning *commissioning);
void ef_commissioning_add(ef_commissioning *commissioning, const float features[EF_MOTOR_LEVEL2_FEATURES]);

/* The baseline of the windows added, two at least, for a token of EF_COMMISSION_MAX characters at most. */
void ef_commissioning_end(const ef_commissioning *commissioning, const char *token, ef_baseline *baseline);

/* Whether what a record says makes sense and is of this firmware's features; flash may hold anything. */
bool ef_baseline_makes_sense(const ef_baseline *baseline);

#endif
