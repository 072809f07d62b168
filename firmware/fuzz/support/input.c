#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "promise.h"

uint8_t input_byte(fuzz_input *input) {
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

uint16_t input_u16(fuzz_input *input) {
    uint16_t low = input_byte(input);
    return (uint16_t)(low | input_byte(input) << 8);
}

uint32_t input_u32(fuzz_input *input) {
    uint32_t low = input_u16(input);
    return low | (uint32_t)input_u16(input) << 16;
}

uint64_t input_u64(fuzz_input *input) {
    uint64_t low = input_u32(input);
    return low | (uint64_t)input_u32(input) << 32;
}

uint32_t input_below(fuzz_input *input, uint32_t bound) {
    return bound <= 256 ? input_byte(input) % bound : input_u16(input) % bound;
}

const uint8_t *input_bytes(fuzz_input *input, size_t most, size_t *length) {
    const uint8_t *bytes = NULL;
    size_t wanted = input_u16(input);
    wanted = wanted < most ? wanted : most;
    bytes = input->at;
    *length = wanted < input->left ? wanted : input->left;
    input->at += *length;
    input->left -= *length;
    return bytes;
}

uint8_t *copy_exactly(const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length > 0 ? length : 1);
    PROMISE(copy != NULL);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}
