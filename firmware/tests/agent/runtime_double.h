/* A model runtime whose models (edgefleet.codegen.updates) add up bytes, are refused, or crash, or answer one of their
 * inputs. */
#ifndef EDGEFLEET_TESTS_RUNTIME_DOUBLE_H
#define EDGEFLEET_TESTS_RUNTIME_DOUBLE_H

#include "edgefleet/hal.h"

enum { RUNTIME_INPUT_BYTES = 4, RUNTIME_OUTPUT_BYTES = 2, RUNTIME_ARENA_USED = 1234 };

typedef struct {
    const uint8_t *model; /* NULL: none is loaded */
    size_t length;
    uint8_t input[256];
    uint8_t output[RUNTIME_OUTPUT_BYTES];
    unsigned refusals; /* so many loads are refused, whatever the model */
    void (*crash)(void *context); /* does not return */
    void (*hang)(void *context);  /* likewise */
    void *context;
} runtime_double;

bool runtime_load(runtime_double *runtime, const uint8_t *model, size_t length, ef_inference_info *info);
uint8_t *runtime_input(runtime_double *runtime, size_t *bytes);
const uint8_t *runtime_invoke(runtime_double *runtime, size_t *bytes);
void runtime_unload(runtime_double *runtime);

#endif
