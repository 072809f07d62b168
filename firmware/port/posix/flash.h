/* The board's flash: a file that behaves as NOR flash does. */
#ifndef EDGEFLEET_POSIX_FLASH_H
#define EDGEFLEET_POSIX_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int directory; /* locked: one process is one px_board */
    int file;
    const uint8_t *bytes; /* mapped read-only, so that a stray pointer cannot write px_flash */
    uint32_t size;
} px_flash;

/* Opens `flash.bin` in a folder, both made where they are missing, the flash erased.
 *
 * Returns false, and has said why: the folder is another process's board, the file has another size, or an error. */
bool flash_open(px_flash *flash, const char *folder, uint32_t size);

void flash_close(px_flash *flash);

bool flash_read(const px_flash *flash, uint32_t offset, void *out, size_t length);

/* Clears bits; refuses bytes that would have to set one, which real flash would store wrongly and say nothing. */
bool flash_program(const px_flash *flash, uint32_t offset, const void *bytes, size_t length);

bool flash_erase(const px_flash *flash, uint32_t offset);

/* Where these bytes lie, or NULL outside the flash. */
const uint8_t *flash_map(const px_flash *flash, uint32_t offset, size_t length);

#endif
