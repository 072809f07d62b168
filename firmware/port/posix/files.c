#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

bool file_join(char out[FILE_PATH_MAX], const char *folder, const char *name) {
    int length = snprintf(out, FILE_PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= FILE_PATH_MAX) {
        say(LEVEL_ERROR, "identity: the folder's path is longer than %d bytes", FILE_PATH_MAX);
        return false;
    }
    return true;
}

bool file_is_there(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0 || errno != ENOENT;
}

bool file_read(const char *path, uint8_t *out, size_t capacity, size_t *length) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        say(LEVEL_ERROR, "identity: %s: %s", path, strerror(errno));
        return false;
    }
    *length = fread(out, 1, capacity, file);
    bool good = ferror(file) == 0 && fgetc(file) == EOF;
    if (!good) {
        say(LEVEL_ERROR, "identity: %s: unreadable, or longer than %zu bytes", path, capacity);
    }
    fclose(file);
    return good;
}

static bool write_all(int file, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t put = write(file, bytes, length);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* A file of its own, on disk before it has the name that counts. */
static bool replace(int directory, const char *name, const uint8_t *bytes, size_t length, mode_t mode) {
    char partial[64];
    if (snprintf(partial, sizeof partial, "%s.new", name) >= (int)sizeof partial) {
        return false;
    }
    if (unlinkat(directory, partial, 0) != 0 && errno != ENOENT) {
        return false;
    }
    int file = openat(directory, partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) {
        return false;
    }
    bool good = write_all(file, bytes, length) && fsync(file) == 0;
    close(file);
    return good && renameat(directory, partial, directory, name) == 0 && fsync(directory) == 0;
}

bool file_replace(const char *folder, const char *name, const uint8_t *bytes, size_t length, mode_t mode) {
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = directory >= 0 && replace(directory, name, bytes, length, mode);
    if (!good) {
        say(LEVEL_ERROR, "identity: %s/%s: %s", folder, name, strerror(errno));
    }
    if (directory >= 0) {
        close(directory);
    }
    return good;
}
