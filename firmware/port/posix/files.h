/* Small files that are whole or not there, whenever power fails. */
#ifndef EDGEFLEET_POSIX_FILES_H
#define EDGEFLEET_POSIX_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILE_PATH_MAX 1024

/* Puts a folder and a name together; false, and said, when that is too long. */
bool file_join(char out[FILE_PATH_MAX], const char *folder, const char *name);

/* Whether there is one of this name, readable or not. */
bool file_is_there(const char *path);

/* Reads all of a file; false, and said, when it cannot be read or is longer than `capacity`. */
bool file_read(const char *path, uint8_t *out, size_t capacity, size_t *length);

/* Writes a file with these permissions, in place of what was there; false, and said, and what was there still is. */
bool file_replace(const char *folder, const char *name, const uint8_t *bytes, size_t length, mode_t mode);

#endif
