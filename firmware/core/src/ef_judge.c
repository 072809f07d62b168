#include "ef_judge.h"

#include <math.h>
#include <string.h>

#include "ef_scratch.h"
#include "ef_slots.h"

enum { INFERENCE_LIMIT_MS = 30000 };

static size_t size_of(ef_dtype dtype) {
    static const size_t sizes[] = {1, 1, 2, 4, 4};
    return sizes[dtype];
}

static bool read_tensor(const ef_json *json, const char *name, ef_tensor *tensor) {
    static const char *const dtypes[] = {"int8", "uint8", "int16", "int32", "float32"};
    uint16_t first = (uint16_t)(ef_json_member(json, 0, name) + 1);
    uint16_t dtype = ef_json_member(json, first, "dtype");
    uint16_t scale = ef_json_member(json, first, "scale");
    uint16_t zero_point = ef_json_member(json, first, "zeroPoint");
    uint16_t shape = ef_json_member(json, first, "shape");
    uint64_t count = 1;
    for (uint16_t each = (uint16_t)(shape + 1); each < json->tokens[shape].next && count <= EF_FEATURES_MAX; each++) {
        count *= (uint64_t)ef_json_integer(json, each);
    }
    for (unsigned i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        tensor->dtype = ef_json_text_is(json, dtype, dtypes[i]) ? (ef_dtype)i : tensor->dtype;
    }
    tensor->count = count <= EF_FEATURES_MAX ? (uint32_t)count : 0;
    tensor->scale = scale == EF_JSON_NONE ? 1.0f : (float)ef_json_number(json, scale);
    tensor->zero_point = zero_point == EF_JSON_NONE ? 0 : (int32_t)ef_json_integer(json, zero_point);
    return tensor->count > 0 && tensor->scale > 0.0f;
}

/* The device has accepted the manifest, so the schema is one of these. */
static const ef_feature_schema *find_schema(const ef_json *json) {
    uint16_t name = ef_json_member(json, ef_json_member(json, 0, "featureSchema"), "name");
    for (size_t i = 0; i < EF_FEATURE_SCHEMAS_COUNT; i++) {
        if (ef_json_text_is(json, name, ef_feature_schemas[i].name)) {
            return &ef_feature_schemas[i];
        }
    }
    return NULL;
}

static bool open_manifest(ef_judge *judge, ef_agent *agent) {
    ef_json json;
    if (!ef_slot_open_manifest(agent, agent->active, &json)) {
        return false;
    }
    judge->schema = find_schema(&json);
    return judge->schema != NULL && read_tensor(&json, "inputs", &judge->input) &&
           read_tensor(&json, "outputs", &judge->output) && judge->input.count == judge->schema->count;
}

bool ef_judge_is_ready(ef_judge *judge, ef_agent *agent) {
    if (!agent->loaded || agent->active == EF_SLOT_NONE) {
        return false;
    }
    const ef_slot *slot = &agent->slots[agent->active];
    if (!judge->known || memcmp(judge->manifest_digest, slot->manifest_digest, EF_SHA256_BYTES) != 0) {
        memset(judge, 0, sizeof *judge);
        judge->known = true;
        memcpy(judge->manifest_digest, slot->manifest_digest, EF_SHA256_BYTES);
        judge->ready = open_manifest(judge, agent);
        if (!judge->ready) {
            agent->hal->log.write(agent->hal->context, "the model reads other inputs than its feature schema names");
        }
    }
    return judge->ready;
}

/* Halves away from zero, as the runtime rounds. */
static int32_t quantise(const ef_tensor *tensor, float value, int32_t low, int32_t high) {
    float steps = value / tensor->scale + (float)tensor->zero_point;
    steps = fminf(fmaxf(steps, (float)low), (float)high); /* no number at all becomes `low` */
    return (int32_t)(steps + (steps < 0.0f ? -0.5f : 0.5f));
}

static void put_number(const ef_tensor *tensor, float value, uint8_t *at) {
    if (tensor->dtype == EF_DTYPE_FLOAT32) {
        memcpy(at, &value, sizeof value);
    } else if (tensor->dtype == EF_DTYPE_INT8) {
        *at = (uint8_t)quantise(tensor, value, INT8_MIN, INT8_MAX);
    } else if (tensor->dtype == EF_DTYPE_UINT8) {
        *at = (uint8_t)quantise(tensor, value, 0, UINT8_MAX);
    } else if (tensor->dtype == EF_DTYPE_INT16) {
        int16_t number = (int16_t)quantise(tensor, value, INT16_MIN, INT16_MAX);
        memcpy(at, &number, sizeof number);
    } else {
        /* The largest float that is below the largest integer. */
        int32_t number = quantise(tensor, value, INT32_MIN, INT32_MAX - 127);
        memcpy(at, &number, sizeof number);
    }
}

static float get_number(const ef_tensor *tensor, const uint8_t *at) {
    int16_t narrow = 0;
    int32_t number = 0;
    float value = 0.0f;
    switch (tensor->dtype) {
    case EF_DTYPE_FLOAT32:
        memcpy(&value, at, sizeof value);
        return value;
    case EF_DTYPE_INT8:
        number = (int8_t)*at;
        break;
    case EF_DTYPE_UINT8:
        number = *at;
        break;
    case EF_DTYPE_INT16:
        memcpy(&narrow, at, sizeof narrow);
        number = narrow;
        break;
    default:
        memcpy(&number, at, sizeof number);
    }
    return ((float)number - (float)tensor->zero_point) * tensor->scale;
}

bool ef_judge_score(const ef_judge *judge, const ef_agent *agent, const float *features, const float *means,
                    float *score) {
    const ef_hal *hal = agent->hal;
    size_t step = size_of(judge->input.dtype);
    size_t bytes = 0;
    uint8_t *input = hal->inference.input(hal->context, &bytes);
    if (input == NULL || bytes != judge->input.count * step) {
        return false;
    }
    const float *from = means != NULL ? means : judge->schema->nominals;
    for (size_t i = 0; i < judge->input.count; i++) {
        put_number(&judge->input, (features[i] - from[i]) / judge->schema->scales[i], input + i * step);
    }
    hal->watchdog.arm(hal->context, INFERENCE_LIMIT_MS);
    const uint8_t *output = hal->inference.invoke(hal->context, &bytes);
    hal->watchdog.disarm(hal->context);
    if (output == NULL || bytes < size_of(judge->output.dtype)) {
        return false;
    }
    *score = get_number(&judge->output, output);
    return isfinite(*score);
}
