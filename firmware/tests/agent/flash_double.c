#include "flash_double.h"

#include <stdlib.h>
#include <string.h>

#include "context.h"

void flash_make(flash_double *flash, uint32_t size) {
    memset(flash, 0, sizeof *flash);
    flash->bytes = aligned_alloc(16, size);
    flash->size = size;
    flash->random = 1;
    if (flash->bytes == NULL) {
        give_up("no memory", "flash");
    }
    memset(flash->bytes, 0xFF, size);
}

void flash_free(flash_double *flash) {
    free(flash->bytes);
    flash->bytes = NULL;
}

static uint8_t noise(flash_double *flash) {
    flash->random = flash->random * 1664525u + 1013904223u;
    return (uint8_t)(flash->random >> 24);
}

static void must_lie_inside(const flash_double *flash, uint32_t offset, size_t length) {
    if (offset > flash->size || length > flash->size - offset) {
        give_up("the core reaches beyond its flash", "offset");
    }
}

/* One unit of work; false when power fails in the middle of it. */
static bool has_power(flash_double *flash) {
    flash->work++;
    return flash->cut_at == 0 || flash->work < flash->cut_at;
}

static void begin(flash_double *flash) {
    if (flash->operations < FLASH_OPERATIONS_MAX) {
        flash->began[flash->operations] = flash->work;
    }
    flash->operations++;
}

/* Whether flash takes another change. */
static bool takes_a_change(flash_double *flash) {
    if (flash->fails) {
        return false;
    }
    flash->fails = flash->changes_left == 1; /* this one is the last */
    flash->changes_left -= flash->changes_left > 0 ? 1 : 0;
    return true;
}

bool flash_read(flash_double *flash, uint32_t offset, void *out, size_t length) {
    must_lie_inside(flash, offset, length);
    memcpy(out, flash->bytes + offset, length);
    return true;
}

bool flash_program(flash_double *flash, uint32_t offset, const void *bytes, size_t length) {
    const uint8_t *from = bytes;
    must_lie_inside(flash, offset, length);
    if (!takes_a_change(flash)) {
        return false;
    }
    begin(flash);
    for (size_t i = 0; i < length; i++) {
        uint8_t *cell = flash->bytes + offset + i;
        /* Stricter than NOR: chips with error correction take each byte once. */
        if (*cell != 0xFF) {
            give_up("the core programs flash that is not erased", "program");
        }
        if (!has_power(flash)) {
            if (!flash->clean) {
                *cell = (uint8_t)(*cell & (from[i] | noise(flash)));
            }
            flash->power_off(flash->context);
        }
        *cell = from[i];
    }
    return true;
}

bool flash_erase(flash_double *flash, uint32_t offset) {
    enum { PART = EF_FLASH_SECTOR / FLASH_ERASE_COST };
    if (offset % EF_FLASH_SECTOR != 0) {
        give_up("the core erases from the middle of a sector", "erase");
    }
    must_lie_inside(flash, offset, EF_FLASH_SECTOR);
    if (!takes_a_change(flash)) {
        return false;
    }
    begin(flash);
    flash->erases[offset / EF_FLASH_SECTOR % 64]++;
    for (uint32_t part = 0; part < FLASH_ERASE_COST; part++) {
        if (!has_power(flash)) {
            /* The rest of the sector is neither what it was nor erased. */
            for (uint32_t i = part * PART; i < EF_FLASH_SECTOR && !flash->clean; i++) {
                flash->bytes[offset + i] |= (uint8_t)(noise(flash) & noise(flash));
            }
            flash->power_off(flash->context);
        }
        memset(flash->bytes + offset + part * PART, 0xFF, PART);
    }
    return true;
}

const uint8_t *flash_map(flash_double *flash, uint32_t offset, size_t length) {
    must_lie_inside(flash, offset, length);
    if (flash->unmapped > 0) {
        flash->unmapped--;
        return NULL;
    }
    return flash->bytes + offset;
}
