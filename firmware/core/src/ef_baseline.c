#include "ef_baseline.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(ef_baseline) == EF_COMMISSION_MAX + 8 + EF_FEATURE_DIGEST_BYTES + 8 * EF_MOTOR_LEVEL2_FEATURES,
               "no padding in flash");

void ef_commissioning_begin(ef_commissioning *commissioning) {
    memset(commissioning, 0, sizeof *commissioning);
}

void ef_commissioning_add(ef_commissioning *commissioning, const float features[EF_MOTOR_LEVEL2_FEATURES]) {
    commissioning->windows++;
    for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
        float before = features[i] - commissioning->means[i];
        commissioning->means[i] += before / (float)commissioning->windows;
        commissioning->squares[i] += before * (features[i] - commissioning->means[i]);
    }
}

void ef_commissioning_end(const ef_commissioning *commissioning, const char *token, ef_baseline *baseline) {
    memset(baseline, 0, sizeof *baseline);
    strcpy(baseline->token, token);
    baseline->windows = commissioning->windows;
    memcpy(baseline->schema, ef_feature_schemas[EF_SCHEMA_MOTOR_LEVEL2].digest, sizeof baseline->schema);
    for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
        baseline->means[i] = commissioning->means[i];
        baseline->stds[i] = sqrtf(commissioning->squares[i] / (float)(commissioning->windows - 1));
    }
}

static bool is_token(const char *token, size_t size) {
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return memchr(token, '\0', size) != NULL && token[0] != '\0' && strspn(token, characters) == strlen(token);
}

bool ef_baseline_makes_sense(const ef_baseline *baseline) {
    bool finite = true;
    for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
        finite = finite && isfinite(baseline->means[i]) && isfinite(baseline->stds[i]);
    }
    return finite && baseline->windows > 0 && is_token(baseline->token, sizeof baseline->token) &&
           memcmp(baseline->schema, ef_feature_schemas[EF_SCHEMA_MOTOR_LEVEL2].digest, sizeof baseline->schema) == 0;
}
