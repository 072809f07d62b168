/* NOR flash: an erased byte is 0xFF, programming only clears bits, erasing sets a whole sector. */
#ifndef EDGEFLEET_HAL_FLASH_H
#define EDGEFLEET_HAL_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EF_FLASH_SECTOR 4096u

typedef struct {
    /* All return false when the hardware fails; offsets count from the start of the device's own flash. */
    bool (*read)(void *context, uint32_t offset, void *out, size_t length);
    bool (*program)(void *context, uint32_t offset, const void *bytes, size_t length);
    bool (*erase)(void *context, uint32_t offset); /* one sector; `offset` is a multiple of EF_FLASH_SECTOR */
    /* Bytes in place, 16-byte aligned where `offset` is, valid until that range is erased or programmed. */
    const uint8_t *(*map)(void *context, uint32_t offset, size_t length);
} ef_hal_flash;

#endif
