/* The parts of a swarm that need no devices: its turnstile, and flash in memory. Says what is wrong and exits 1.
 *
 * `swarm_check set-a-bit` does what a core may not, and must end with a panic. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgefleet/hal.h"
#include "swarm/memory_flash.h"
#include "swarm/turnstile.h"

#define BOARDS 3u
#define SIZE (4u * EF_FLASH_SECTOR)

static void expect(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "swarm_check: not so: %s\n", what);
        exit(1);
    }
}

static void check_turns(void) {
    px_turnstile turnstile;
    px_turn turns[5] = {{0}};
    turnstile_init(&turnstile, 2);
    expect(turnstile_enter(&turnstile, &turns[0]) && turnstile_enter(&turnstile, &turns[1]), "two may enter");
    expect(turnstile_enter(&turnstile, &turns[0]) && turnstile.inside == 2, "who is inside is inside");
    expect(!turnstile_enter(&turnstile, &turns[2]) && !turnstile_enter(&turnstile, &turns[3]) &&
               !turnstile_enter(&turnstile, &turns[4]) && turnstile.waiting == 3,
           "others wait");
    expect(turnstile_admit(&turnstile) == NULL, "nobody is let in while it is full");
    turnstile_leave(&turnstile, &turns[0]);
    expect(!turnstile_enter(&turnstile, &turns[0]), "who comes again waits behind those who wait");
    expect(turnstile_admit(&turnstile) == &turns[2] && turnstile_enter(&turnstile, &turns[2]), "the first is let in");
    turnstile_leave(&turnstile, &turns[3]);
    turnstile_leave(&turnstile, &turns[1]);
    expect(turnstile_admit(&turnstile) == &turns[4], "who went away holds up nobody");
    turnstile_leave(&turnstile, &turns[0]);
    turnstile_leave(&turnstile, &turns[2]);
    turnstile_leave(&turnstile, &turns[4]);
    expect(turnstile.inside == 0 && turnstile.waiting == 0 && turnstile_admit(&turnstile) == NULL &&
               turnstile.line.after == &turnstile.line,
           "in the end nobody is there");
}

static void check_bits(const px_memory_flash *flash, const px_memory_flash *other) {
    uint8_t got[4];
    expect(memory_flash_program(flash, 4094, "\xF0\xAA\x55\x0F", 4), "bytes are programmed across two sectors");
    expect(memory_flash_read(flash, 4094, got, 4) && memcmp(got, "\xF0\xAA\x55\x0F", 4) == 0, "they are read back");
    expect(memory_flash_program(flash, 4094, "\xF0\xA0\x55\x00", 4), "more bits can be cleared");
    expect(memory_flash_read(other, 4094, got, 4) && memcmp(got, "\xFF\xFF\xFF\xFF", 4) == 0,
           "nothing of it is in another board's flash");
    expect(memory_flash_erase(flash, 4096), "a sector is erased");
    expect(memory_flash_read(flash, 4094, got, 4) && memcmp(got, "\xF0\xA0\xFF\xFF", 4) == 0,
           "all of it, and nothing of its neighbour");
    expect(memory_flash_program(flash, 4096, "\x12", 1) && memory_flash_read(flash, 4096, got, 1) && got[0] == 0x12,
           "and is programmed again");
}

static void check_bounds(const px_memory_flash *flash) {
    uint8_t byte;
    expect(!memory_flash_read(flash, SIZE, &byte, 1), "nothing is read behind the end");
    expect(!memory_flash_program(flash, SIZE - 1, "ab", 2), "nothing is programmed behind the end");
    expect(!memory_flash_read(flash, UINT32_MAX, &byte, SIZE_MAX), "offsets do not wrap");
    expect(!memory_flash_erase(flash, SIZE) && !memory_flash_erase(flash, 100), "only sectors are erased");
    expect(memory_flash_map(flash, SIZE - 1, 2) == NULL, "nothing is mapped behind the end");
    expect(((uintptr_t)memory_flash_map(flash, 16, 1) & 15u) == 0, "what is mapped is aligned as its offset is");
}

static void check_cost(const px_memory_flash *flash) {
    uint8_t got[SIZE];
    expect(memory_flash_read(flash, 0, got, SIZE) && got[0] == 0xFF && got[SIZE - 1] == 0xFF, "new flash is erased");
    expect(memory_flash_resident(flash, 0, SIZE) == 0, "erased flash costs nothing, even when it was read");
    expect(memory_flash_program(flash, 5000, "\x00", 1) && memory_flash_resident(flash, 0, SIZE) == EF_FLASH_SECTOR &&
               memory_flash_resident(flash, 2 * EF_FLASH_SECTOR, SIZE) == 0,
           "a sector that is programmed costs a sector");
    expect(memory_flash_erase(flash, EF_FLASH_SECTOR) && memory_flash_resident(flash, 0, SIZE) == 0,
           "and nothing once it is erased");
}

int main(int count, char **arguments) {
    px_memory_flash flash[BOARDS];
    int erased = memory_flash_make_erased(SIZE);
    expect(erased >= 0, "there is erased flash");
    for (size_t i = 0; i < BOARDS; i++) {
        expect(memory_flash_open(&flash[i], erased, SIZE), "a board gets flash");
    }
    if (count == 2 && strcmp(arguments[1], "set-a-bit") == 0) {
        (void)memory_flash_program(&flash[0], 0, "\x01", 1);
        (void)memory_flash_program(&flash[0], 0, "\x02", 1);
        return 0;
    }
    check_turns();
    check_bits(&flash[0], &flash[1]);
    check_bounds(&flash[1]);
    check_cost(&flash[2]);
    for (size_t i = 0; i < BOARDS; i++) {
        memory_flash_close(&flash[i]);
    }
    return 0;
}
