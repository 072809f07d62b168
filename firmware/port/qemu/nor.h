/* NOR flash in RAM, by the rules of the tests' double: an erased byte is 0xFF, a byte is programmed once an erase, and
 * power can fail in the middle of all. It counts what wears a chip out. */
#ifndef EDGEFLEET_QEMU_NOR_H
#define EDGEFLEET_QEMU_NOR_H

#include "edgefleet/hal.h"

enum { NOR_SECTORS_MAX = 32 };

typedef struct {
    uint32_t programs;
    uint32_t bytes; /* programmed */
    uint32_t erases;
} nor_wear;

typedef struct {
    uint8_t bytes[NOR_SECTORS_MAX * EF_FLASH_SECTOR];
    nor_wear wear[NOR_SECTORS_MAX];
    uint32_t operations; /* programs and erases */
    uint32_t cut_at;     /* power fails in the middle of this operation, counted from 1; 0: never */
    uint32_t misuses;    /* a byte programmed twice, a place that is not there */
    void (*power_off)(void *context); /* does not return */
    void *context;
} nor;

/* A new chip: all erased, nothing counted. */
void nor_make(nor *flash);

bool nor_read(const nor *flash, uint32_t offset, void *out, size_t length);
bool nor_program(nor *flash, uint32_t offset, const void *bytes, size_t length);
bool nor_erase(nor *flash, uint32_t offset);
const uint8_t *nor_map(const nor *flash, uint32_t offset, size_t length);

#endif
