#include "tensors.h"

#include <stdlib.h>

#define TENSORS_MAX (4u * 1024u * 1024u)

uint8_t *tensors_reserve(px_tensors *tensors, size_t input, size_t output) {
    if (input > TENSORS_MAX || output > TENSORS_MAX - input) {
        return NULL;
    }
    if (input + output > tensors->capacity) {
        free(tensors->bytes);
        tensors->bytes = malloc(input + output);
        tensors->capacity = tensors->bytes != NULL ? input + output : 0;
    }
    return tensors->bytes;
}

void tensors_free(px_tensors *tensors) {
    free(tensors->bytes);
    *tensors = (px_tensors){NULL, 0};
}
