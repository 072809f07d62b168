/* The model runtime. `model` stays readable until unload. A runtime that crashes takes the device with it: the port
 * restarts, as a panic would. Tensors are written and read where the runtime has them: no copy of them is needed. */
#ifndef EDGEFLEET_HAL_INFERENCE_H
#define EDGEFLEET_HAL_INFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EF_INFERENCE_ERROR_MAX 160

typedef struct {
    uint32_t arena_used;
    uint32_t input_bytes;  /* of the first input */
    uint32_t output_bytes; /* of the first output */
    char error[EF_INFERENCE_ERROR_MAX]; /* why loading was refused, for people */
} ef_inference_info;

typedef struct {
    bool (*load)(void *context, const uint8_t *model, size_t length, uint32_t arena_bytes, ef_inference_info *info);
    /* The first input's own memory and its size, to be written before each invoke; NULL where no model is loaded. */
    uint8_t *(*input)(void *context, size_t *bytes);
    /* Runs the model: the first output's own memory and its size, valid until the next call; NULL where it failed. */
    const uint8_t *(*invoke)(void *context, size_t *bytes);
    void (*unload)(void *context);
} ef_hal_inference;

#endif
