/* What goes through the debugger's door (semihosting): lines for people and the files of the host. */
#ifndef EDGEFLEET_QEMU_CONSOLE_H
#define EDGEFLEET_QEMU_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

void print_text(const char *text);
void print_number(uint32_t number);

/* Reads a file below QEMU's folder, all of it; 0 for one that is not there or does not fit. */
size_t read_file(const char *path, uint8_t *out, size_t capacity);

#endif
