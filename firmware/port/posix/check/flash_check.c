/* Whether the file behaves as NOR flash does: `flash_check FOLDER`, an empty one. Says what is wrong and exits 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgefleet/hal.h"
#include "flash.h"

#define SIZE (4u * EF_FLASH_SECTOR)

static void expect(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "flash_check: not so: %s\n", what);
        exit(1);
    }
}

static bool is_erased(const px_flash *flash, uint32_t offset, size_t length) {
    const uint8_t *bytes = flash_map(flash, offset, length);
    for (size_t i = 0; bytes != NULL && i < length; i++) {
        if (bytes[i] != 0xFF) {
            return false;
        }
    }
    return bytes != NULL;
}

static void check_bits(const px_flash *flash) {
    uint8_t got[4];
    expect(is_erased(flash, 0, SIZE), "a new flash is erased");
    expect(flash_program(flash, 4094, "\xF0\xAA\x55\x0F", 4), "bytes are programmed across two sectors");
    expect(flash_read(flash, 4094, got, 4) && memcmp(got, "\xF0\xAA\x55\x0F", 4) == 0, "they are read back");
    expect(flash_program(flash, 4094, "\xF0\xA0\x55\x00", 4), "more bits can be cleared");
    expect(!flash_program(flash, 4094, "\x00\x00\x00\x01", 4), "no bit can be set");
    expect(flash_read(flash, 4094, got, 4) && memcmp(got, "\xF0\xA0\x55\x00", 4) == 0, "a refusal changes nothing");
    expect(flash_erase(flash, 4096), "a sector is erased");
    expect(is_erased(flash, 4096, 4096), "all of it");
    expect(flash_read(flash, 4094, got, 2) && memcmp(got, "\xF0\xA0", 2) == 0, "and nothing of its neighbour");
}

static void check_bounds(const px_flash *flash) {
    uint8_t byte;
    expect(!flash_read(flash, SIZE, &byte, 1), "nothing is read behind the end");
    expect(!flash_program(flash, SIZE - 1, "ab", 2), "nothing is programmed behind the end");
    expect(!flash_read(flash, UINT32_MAX, &byte, SIZE_MAX), "offsets do not wrap");
    expect(!flash_erase(flash, SIZE) && !flash_erase(flash, 100), "only sectors are erased");
    expect(flash_map(flash, SIZE - 1, 2) == NULL, "nothing is mapped behind the end");
    expect(((uintptr_t)flash_map(flash, 16, 1) & 15u) == 0, "what is mapped is aligned as its offset is");
}

int main(int count, char **arguments) {
    px_flash flash;
    px_flash other;
    expect(count == 2, "one argument, an empty folder");
    expect(flash_open(&flash, arguments[1], SIZE), "a flash is made");
    check_bits(&flash);
    check_bounds(&flash);
    expect(!flash_open(&other, arguments[1], SIZE), "a flash has one user");
    flash_close(&flash);
    expect(!flash_open(&other, arguments[1], 2 * SIZE), "a flash keeps its size");
    expect(flash_open(&flash, arguments[1], SIZE), "a flash is opened again");
    expect(!is_erased(&flash, 4094, 2), "and has kept what it held");
    flash_close(&flash);
    return 0;
}
