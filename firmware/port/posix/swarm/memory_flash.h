/* A board's flash in memory: what was never programmed since its sector was erased costs nothing.
 *
 * It behaves as NOR flash does; a core that would program what it did not erase ends the process, because real flash
 * would store something else and say nothing. */
#ifndef EDGEFLEET_POSIX_SWARM_MEMORY_FLASH_H
#define EDGEFLEET_POSIX_SWARM_MEMORY_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *bytes;
    uint32_t size;
} px_memory_flash;

/* Erased flash of this size, which all boards share until they program it: a file descriptor, or -1 with `errno`. */
int memory_flash_make_erased(uint32_t size);

/* False, with `errno`, when there is no address space. */
bool memory_flash_open(px_memory_flash *flash, int erased, uint32_t size);

void memory_flash_close(px_memory_flash *flash);

bool memory_flash_read(const px_memory_flash *flash, uint32_t offset, void *out, size_t length);
bool memory_flash_program(const px_memory_flash *flash, uint32_t offset, const void *bytes, size_t length);
bool memory_flash_erase(const px_memory_flash *flash, uint32_t offset);
const uint8_t *memory_flash_map(const px_memory_flash *flash, uint32_t offset, size_t length);

/* Memory that a part of the flash takes up, `from` to before `to`, as the kernel counts it. */
size_t memory_flash_resident(const px_memory_flash *flash, uint32_t from, uint32_t to);

#endif
