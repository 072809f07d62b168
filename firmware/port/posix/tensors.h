/* One model's input and output, on this side of the socket to the runtime. */
#ifndef EDGEFLEET_POSIX_TENSORS_H
#define EDGEFLEET_POSIX_TENSORS_H

#include <stddef.h>
#include <stdint.h>

/* Grows to the largest that was asked for. Begin with zeroes. */
typedef struct {
    uint8_t *bytes;
    size_t capacity;
} px_tensors;

/* Room for an input and, behind it, an output; NULL for more than a board has. What was there is lost. */
uint8_t *tensors_reserve(px_tensors *tensors, size_t input, size_t output);

void tensors_free(px_tensors *tensors);

#endif
