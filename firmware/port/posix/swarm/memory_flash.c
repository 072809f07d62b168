#include "swarm/memory_flash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edgefleet/hal.h"
#include "log.h"

int memory_flash_make_erased(uint32_t size) {
    uint8_t sector[EF_FLASH_SECTOR];
    int file = memfd_create("erased flash", MFD_CLOEXEC);
    memset(sector, 0xFF, sizeof sector);
    for (uint32_t done = 0; file >= 0 && done < size; done += EF_FLASH_SECTOR) {
        if (write(file, sector, sizeof sector) != (ssize_t)sizeof sector) {
            int error = errno;
            close(file);
            errno = error;
            return -1;
        }
    }
    return file;
}

bool memory_flash_open(px_memory_flash *flash, int erased, uint32_t size) {
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, erased, 0);
    *flash = (px_memory_flash){0};
    if (bytes == MAP_FAILED) {
        return false;
    }
    *flash = (px_memory_flash){bytes, size};
    return true;
}

void memory_flash_close(px_memory_flash *flash) {
    if (flash->bytes != NULL) {
        munmap(flash->bytes, flash->size);
    }
    *flash = (px_memory_flash){0};
}

static bool is_inside(const px_memory_flash *flash, uint32_t offset, size_t length) {
    return offset <= flash->size && length <= flash->size - offset;
}

bool memory_flash_read(const px_memory_flash *flash, uint32_t offset, void *out, size_t length) {
    if (!is_inside(flash, offset, length)) {
        return false;
    }
    memcpy(out, flash->bytes + offset, length);
    return true;
}

bool memory_flash_program(const px_memory_flash *flash, uint32_t offset, const void *bytes, size_t length) {
    const uint8_t *wanted = bytes;
    if (!is_inside(flash, offset, length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if ((flash->bytes[offset + i] & wanted[i]) != wanted[i]) {
            panic("flash: programming would set bits at 0x%zx", offset + i);
        }
    }
    memcpy(flash->bytes + offset, wanted, length);
    return true;
}

/* Gives the pages back: what shows then is the erased flash that all share. */
bool memory_flash_erase(const px_memory_flash *flash, uint32_t offset) {
    if (offset % EF_FLASH_SECTOR != 0 || !is_inside(flash, offset, EF_FLASH_SECTOR)) {
        return false;
    }
    if (sysconf(_SC_PAGESIZE) != EF_FLASH_SECTOR ||
        madvise(flash->bytes + offset, EF_FLASH_SECTOR, MADV_DONTNEED) != 0) {
        memset(flash->bytes + offset, 0xFF, EF_FLASH_SECTOR);
    }
    return true;
}

const uint8_t *memory_flash_map(const px_memory_flash *flash, uint32_t offset, size_t length) {
    return is_inside(flash, offset, length) ? flash->bytes + offset : NULL;
}

size_t memory_flash_resident(const px_memory_flash *flash, uint32_t from, uint32_t to) {
    const uint64_t present = UINT64_C(1) << 63;
    const uint64_t shared = UINT64_C(1) << 61; /* still the file's page, nobody's own */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t resident = 0;
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    for (size_t at = from; map >= 0 && at < to; at += page) {
        uint64_t entry = 0;
        off_t where = (off_t)(((uintptr_t)flash->bytes + at) / page * sizeof entry);
        if (pread(map, &entry, sizeof entry, where) == (ssize_t)sizeof entry && (entry & present) != 0 &&
            (entry & shared) == 0) {
            resident += page;
        }
    }
    if (map >= 0) {
        close(map);
    }
    return resident;
}
