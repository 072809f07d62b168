/* What code takes of a board's memory while it runs. */
#ifndef EDGEFLEET_QEMU_MEMORY_H
#define EDGEFLEET_QEMU_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* The most that Mbed TLS has held of the heap at once. */
size_t heap_peak(void);

/* Marks the stack below the caller, and tells afterwards how deep it was used. */
void stack_mark(void);
size_t stack_used(void);

#endif
