#include "flash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edgefleet/hal.h"
#include "log.h"

static const char file_name[] = "flash.bin";
static const char new_name[] = "flash.bin.new";

static bool write_all(int file, const uint8_t *bytes, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t put = pwrite(file, bytes, length, offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            say(LEVEL_ERROR, "flash: writing at 0x%jx: %s", (intmax_t)offset, strerror(errno));
            return false;
        }
        bytes += put;
        length -= (size_t)put;
        offset += put;
    }
    return true;
}

/* Appears whole or not at all: a start that is killed half-way must not leave half a board. */
static bool make_erased(int directory, uint32_t size) {
    uint8_t sector[EF_FLASH_SECTOR];
    memset(sector, 0xFF, sizeof sector);
    int file = openat(directory, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        return false;
    }
    bool good = true;
    for (uint32_t offset = 0; good && offset < size; offset += EF_FLASH_SECTOR) {
        good = write_all(file, sector, sizeof sector, (off_t)offset);
    }
    good = good && fsync(file) == 0;
    close(file);
    return good && renameat(directory, new_name, directory, file_name) == 0 && fsync(directory) == 0;
}

static bool lock_folder(px_flash *flash, const char *folder) {
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        say(LEVEL_ERROR, "flash: %s: %s", folder, strerror(errno));
        return false;
    }
    flash->directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (flash->directory < 0) {
        say(LEVEL_ERROR, "flash: %s: %s", folder, strerror(errno));
        return false;
    }
    if (flock(flash->directory, LOCK_EX | LOCK_NB) != 0) {
        say(LEVEL_ERROR, "flash: %s: %s", folder,
            errno == EWOULDBLOCK ? "another process is this board" : strerror(errno));
        return false;
    }
    return true;
}

static bool map_file(px_flash *flash, const char *folder, uint32_t size) {
    struct stat about;
    flash->file = openat(flash->directory, file_name, O_RDWR | O_CLOEXEC);
    if (flash->file < 0 && errno == ENOENT && make_erased(flash->directory, size)) {
        say(LEVEL_INFO, "flash: a new board, %u bytes erased", (unsigned)size);
        flash->file = openat(flash->directory, file_name, O_RDWR | O_CLOEXEC);
    }
    if (flash->file < 0 || fstat(flash->file, &about) != 0) {
        say(LEVEL_ERROR, "flash: %s/%s: %s", folder, file_name, strerror(errno));
        return false;
    }
    if (about.st_size != (off_t)size) {
        say(LEVEL_ERROR, "flash: %s/%s has %jd bytes, a board with these options has %u (another --slot-bytes?)", folder,
            file_name, (intmax_t)about.st_size, (unsigned)size);
        return false;
    }
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, flash->file, 0);
    if (bytes == MAP_FAILED) {
        say(LEVEL_ERROR, "flash: %s/%s: %s", folder, file_name, strerror(errno));
        return false;
    }
    flash->bytes = bytes;
    flash->size = size;
    return true;
}

bool flash_open(px_flash *flash, const char *folder, uint32_t size) {
    *flash = (px_flash){.directory = -1, .file = -1};
    if (!lock_folder(flash, folder) || !map_file(flash, folder, size)) {
        flash_close(flash);
        return false;
    }
    return true;
}

void flash_close(px_flash *flash) {
    if (flash->bytes != NULL) {
        munmap((void *)(uintptr_t)flash->bytes, flash->size);
    }
    if (flash->file >= 0) {
        close(flash->file);
    }
    if (flash->directory >= 0) {
        close(flash->directory);
    }
    *flash = (px_flash){.directory = -1, .file = -1};
}

static bool is_inside(const px_flash *flash, uint32_t offset, size_t length) {
    return offset <= flash->size && length <= flash->size - offset;
}

bool flash_read(const px_flash *flash, uint32_t offset, void *out, size_t length) {
    if (!is_inside(flash, offset, length)) {
        say(LEVEL_ERROR, "flash: reading %zu bytes at 0x%x, outside of it", length, (unsigned)offset);
        return false;
    }
    memcpy(out, flash->bytes + offset, length);
    return true;
}

bool flash_program(const px_flash *flash, uint32_t offset, const void *bytes, size_t length) {
    const uint8_t *wanted = bytes;
    if (!is_inside(flash, offset, length)) {
        say(LEVEL_ERROR, "flash: programming %zu bytes at 0x%x, outside of it", length, (unsigned)offset);
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if ((flash->bytes[offset + i] & wanted[i]) != wanted[i]) {
            say(LEVEL_ERROR, "flash: programming would set bits at 0x%zx; erase it first", offset + i);
            return false;
        }
    }
    return write_all(flash->file, wanted, length, (off_t)offset);
}

bool flash_erase(const px_flash *flash, uint32_t offset) {
    uint8_t sector[EF_FLASH_SECTOR];
    if (offset % EF_FLASH_SECTOR != 0 || !is_inside(flash, offset, EF_FLASH_SECTOR)) {
        say(LEVEL_ERROR, "flash: there is no sector at 0x%x", (unsigned)offset);
        return false;
    }
    memset(sector, 0xFF, sizeof sector);
    return write_all(flash->file, sector, sizeof sector, (off_t)offset);
}

const uint8_t *flash_map(const px_flash *flash, uint32_t offset, size_t length) {
    return is_inside(flash, offset, length) ? flash->bytes + offset : NULL;
}
