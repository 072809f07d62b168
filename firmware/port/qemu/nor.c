#include "nor.h"

#include <string.h>

void nor_make(nor *flash) {
    memset(flash, 0, sizeof *flash);
    memset(flash->bytes, 0xFF, sizeof flash->bytes);
}

static bool is_inside(const nor *flash, uint32_t offset, size_t length) {
    return offset <= sizeof flash->bytes && length <= sizeof flash->bytes - offset;
}

/* Begins an operation; true when power fails in the middle of it. */
static bool is_cut(nor *flash) {
    flash->operations++;
    return flash->operations == flash->cut_at;
}

bool nor_read(const nor *flash, uint32_t offset, void *out, size_t length) {
    if (!is_inside(flash, offset, length)) {
        return false;
    }
    memcpy(out, flash->bytes + offset, length);
    return true;
}

bool nor_program(nor *flash, uint32_t offset, const void *bytes, size_t length) {
    const uint8_t *from = bytes;
    if (!is_inside(flash, offset, length)) {
        flash->misuses++;
        return false;
    }
    bool cut = is_cut(flash);
    flash->wear[offset / EF_FLASH_SECTOR].programs++;
    for (size_t i = 0; i < length; i++) {
        uint8_t *cell = flash->bytes + offset + i;
        if (cut && i == length / 2) {
            *cell = (uint8_t)(*cell & (from[i] | 0x5A)); /* some bits got there */
            flash->power_off(flash->context);
        }
        flash->misuses += *cell != 0xFF;
        *cell = (uint8_t)(*cell & from[i]);
        flash->wear[(offset + i) / EF_FLASH_SECTOR].bytes++;
    }
    return true;
}

bool nor_erase(nor *flash, uint32_t offset) {
    if (offset % EF_FLASH_SECTOR != 0 || !is_inside(flash, offset, EF_FLASH_SECTOR)) {
        flash->misuses++;
        return false;
    }
    bool cut = is_cut(flash);
    flash->wear[offset / EF_FLASH_SECTOR].erases++;
    memset(flash->bytes + offset, 0xFF, cut ? EF_FLASH_SECTOR / 2 : EF_FLASH_SECTOR);
    if (cut) {
        flash->power_off(flash->context);
    }
    return true;
}

const uint8_t *nor_map(const nor *flash, uint32_t offset, size_t length) {
    return is_inside(flash, offset, length) ? flash->bytes + offset : NULL;
}
