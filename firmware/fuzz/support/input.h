/* A fuzzer's bytes, read from the front as choices. What is not there reads as zero, so that every input means
 * something. */
#ifndef EDGEFLEET_FUZZ_INPUT_H
#define EDGEFLEET_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fuzzer calls it; a replay does too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_input;

uint8_t input_byte(fuzz_input *input);
uint16_t input_u16(fuzz_input *input);
uint32_t input_u32(fuzz_input *input);
uint64_t input_u64(fuzz_input *input);

/* A number below `bound`, which is at least 1 and at most 65536. */
uint32_t input_below(fuzz_input *input, uint32_t bound);

/* At most `most` bytes in place, by a length of two bytes in front of them. */
const uint8_t *input_bytes(fuzz_input *input, size_t most, size_t *length);

/* A copy in a block of exactly that size, so that the sanitizer sees a read past the end; for the caller to free. */
uint8_t *copy_exactly(const uint8_t *bytes, size_t length);

#endif
