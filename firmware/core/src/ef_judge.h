/* The active model as a judge of features: how its manifest says that they go in and a score comes out. */
#ifndef EDGEFLEET_EF_JUDGE_H
#define EDGEFLEET_EF_JUDGE_H

#include "ef_state.h"

typedef enum { EF_DTYPE_INT8, EF_DTYPE_UINT8, EF_DTYPE_INT16, EF_DTYPE_INT32, EF_DTYPE_FLOAT32 } ef_dtype;

/* One of the model's tensors; a number is (quantised - zero_point) * scale. */
typedef struct {
    ef_dtype dtype;
    uint32_t count;
    float scale;
    int32_t zero_point;
} ef_tensor;

typedef struct {
    uint8_t manifest_digest[EF_SHA256_BYTES]; /* of the model that the rest is about */
    bool known;                               /* `manifest_digest` was looked at */
    bool ready;                               /* and it can judge */
    const ef_feature_schema *schema;          /* what it reads */
    ef_tensor input;
    ef_tensor output;
} ef_judge;

/* Whether the active model runs and can judge; reads its manifest when it is another one than before. Takes the
 * scratch when it does. */
bool ef_judge_is_ready(ef_judge *judge, ef_agent *agent);

/* The score of the judge's schema's features: the first number of the model's first output. A feature goes in as its
 * deviation from `means`, or from what is nominal where that is NULL. Takes the scratch's step. False when the model
 * does not answer. */
bool ef_judge_score(const ef_judge *judge, const ef_agent *agent, const float *features, const float *means,
                    float *score);

#endif
