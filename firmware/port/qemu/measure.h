/* Numbers for docs/firmware-footprint.md, one a line: "measured NAME NUMBER". */
#ifndef EDGEFLEET_QEMU_MEASURE_H
#define EDGEFLEET_QEMU_MEASURE_H

#include "board.h"

/* The name is the three parts as they are. */
void measure(const char *name, const char *part, const char *unit, uint32_t number);

/* What an update takes of RAM. */
void measure_memory(board *b);

/* What deployments take of flash. */
void measure_wear(board *b);

#endif
