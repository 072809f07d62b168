/* Files of the test vectors. */
#ifndef EDGEFLEET_TESTS_FILES_H
#define EDGEFLEET_TESTS_FILES_H

#include <stddef.h>
#include <stdint.h>

/* The content, for the caller to free, with a NUL behind it; NULL when there is no such file. */
uint8_t *file_read_if_there(const char *folder, const char *name, size_t *length);

/* The same; ends the program when there is no such file. */
uint8_t *file_read(const char *folder, const char *name, size_t *length);

#endif
