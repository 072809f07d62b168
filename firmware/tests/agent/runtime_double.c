#include "runtime_double.h"

#include <string.h>

static const char magic[] = "EFMODEL1";
enum { BIAS_AT = 8, BEHAVIOUR_AT = 9, INPUTS_AT = 10, WATCHED_AT = 11, HEAD_BYTES = 12 };
enum {
    CRASHES_WHEN_RUN = 1,
    IS_REFUSED = 2,
    CRASHES_WHEN_LOADED = 3,
    HANGS_WHEN_RUN = 4,
    HANGS_WHEN_LOADED = 5,
    WATCHES = 6
};

static size_t input_bytes(const uint8_t *model) {
    return model[BEHAVIOUR_AT] == WATCHES ? model[INPUTS_AT] : RUNTIME_INPUT_BYTES;
}

bool runtime_load(runtime_double *runtime, const uint8_t *model, size_t length, ef_inference_info *info) {
    if (runtime->refusals > 0) {
        runtime->refusals--;
        return false;
    }
    if (length < HEAD_BYTES || memcmp(model, magic, sizeof magic - 1) != 0 || model[BEHAVIOUR_AT] == IS_REFUSED) {
        strcpy(info->error, "Didn't find op for builtin opcode \"X\"\n\xc3\xa9");
        return false;
    }
    if (model[BEHAVIOUR_AT] == CRASHES_WHEN_LOADED) {
        runtime->crash(runtime->context);
    }
    if (model[BEHAVIOUR_AT] == HANGS_WHEN_LOADED) {
        runtime->hang(runtime->context);
    }
    runtime->model = model;
    runtime->length = length;
    info->arena_used = RUNTIME_ARENA_USED;
    info->input_bytes = (uint32_t)input_bytes(model);
    info->output_bytes = RUNTIME_OUTPUT_BYTES;
    return true;
}

uint8_t *runtime_input(runtime_double *runtime, size_t *bytes) {
    *bytes = runtime->model != NULL ? input_bytes(runtime->model) : 0;
    return runtime->model != NULL ? runtime->input : NULL;
}

const uint8_t *runtime_invoke(runtime_double *runtime, size_t *bytes) {
    const uint8_t *input = runtime->input;
    uint8_t *output = runtime->output;
    if (runtime->model == NULL) {
        return NULL;
    }
    if (runtime->model[BEHAVIOUR_AT] == CRASHES_WHEN_RUN) {
        runtime->crash(runtime->context);
    }
    if (runtime->model[BEHAVIOUR_AT] == HANGS_WHEN_RUN) {
        runtime->hang(runtime->context);
    }
    *bytes = RUNTIME_OUTPUT_BYTES;
    if (runtime->model[BEHAVIOUR_AT] == WATCHES) {
        output[0] = input[runtime->model[WATCHED_AT]];
        output[1] = 0;
        return output;
    }
    for (size_t i = 0; i < RUNTIME_OUTPUT_BYTES; i++) {
        output[i] = (uint8_t)(input[2 * i] + input[2 * i + 1] + runtime->model[BIAS_AT]);
    }
    /* As an arena may be used: an input does not outlast the run. */
    memset(runtime->input, 0xA5, sizeof runtime->input);
    return output;
}

void runtime_unload(runtime_double *runtime) {
    runtime->model = NULL;
}
