/* The model runtime. `model` stays readable until unload. A runtime that crashes takes the device with it: the port
 * restarts, as a panic would. */
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
    bool (*run)(void *context, const uint8_t *input, size_t length, uint8_t *output, size_t capacity, size_t *got);
    void (*unload)(void *context);
} ef_hal_inference;

#endif
