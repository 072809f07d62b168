/* NOR flash in memory: erased bytes are 0xFF, a byte is programmed once, and power can fail in the middle of all. */
#ifndef EDGEFLEET_TESTS_FLASH_DOUBLE_H
#define EDGEFLEET_TESTS_FLASH_DOUBLE_H

#include "edgefleet/hal.h"

enum { FLASH_OPERATIONS_MAX = 4096, FLASH_ERASE_COST = 64 };

typedef struct {
    uint8_t *bytes;
    uint32_t size;
    /* Each programmed byte and each 64th of an erase is one unit of work. */
    uint64_t work;
    uint64_t cut_at; /* power fails when `work` gets there; 0: never */
    bool clean;      /* that unit then does not begin; else it is torn: some bits got there, cells lost what they had */
    /* Where each operation began, for tests that cut around every one. */
    uint64_t began[FLASH_OPERATIONS_MAX];
    uint32_t operations;
    bool fails; /* every change fails, as worn-out flash does */
    unsigned changes_left; /* that still succeed before all fail; 0: no such limit */
    unsigned unmapped; /* so many calls of `map` fail */
    uint32_t random;
    void (*power_off)(void *context); /* does not return */
    void *context;
    uint32_t erases[64]; /* by sector, for wear */
} flash_double;

void flash_make(flash_double *flash, uint32_t size);
void flash_free(flash_double *flash);
bool flash_read(flash_double *flash, uint32_t offset, void *out, size_t length);
bool flash_program(flash_double *flash, uint32_t offset, const void *bytes, size_t length);
bool flash_erase(flash_double *flash, uint32_t offset);
const uint8_t *flash_map(flash_double *flash, uint32_t offset, size_t length);

#endif
