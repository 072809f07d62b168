#include "memory.h"

#include <stdlib.h>
#include <string.h>

enum { MARK = 0xA5, MARKED_BYTES = 24576, HEADER_BYTES = 16 };

/* Mbed TLS is built with these (edgefleet_mbedtls_config.h). */
void *board_calloc(size_t count, size_t size);
void board_free(void *memory);

static size_t held;
static size_t peak;
static volatile uint8_t *top;

size_t heap_peak(void) {
    return peak;
}

void *board_calloc(size_t count, size_t size) {
    size_t bytes = count * size; /* a bignum of P-256 is far from where this could wrap */
    uint8_t *block = malloc(HEADER_BYTES + bytes);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &bytes, sizeof bytes);
    memset(block + HEADER_BYTES, 0, bytes);
    held += bytes;
    peak = held > peak ? held : peak;
    return block + HEADER_BYTES;
}

void board_free(void *memory) {
    size_t bytes = 0;
    if (memory == NULL) {
        return;
    }
    uint8_t *block = (uint8_t *)memory - HEADER_BYTES;
    memcpy(&bytes, block, sizeof bytes);
    held -= bytes;
    free(block);
}

/* Nobody is interrupted here, so what lies below this frame is nobody's. */
__attribute__((noinline)) void stack_mark(void) {
    volatile uint8_t here = MARK;
    top = (volatile uint8_t *)((uintptr_t)&here & ~(uintptr_t)15) - 64;
    for (size_t i = 0; i < MARKED_BYTES; i++) {
        top[-(ptrdiff_t)i] = MARK;
    }
}

size_t stack_used(void) {
    size_t i = MARKED_BYTES;
    while (i > 0 && top[-(ptrdiff_t)(i - 1)] == MARK) {
        i--;
    }
    return i + 64;
}
