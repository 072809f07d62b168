/* The values of options: read, or refused with a line that names the option. */
#ifndef EDGEFLEET_POSIX_ARGUMENTS_H
#define EDGEFLEET_POSIX_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "edgefleet/pattern.h"

#define HOST_MAX 255

typedef struct {
    char host[HOST_MAX + 1];
    char port[6];
} px_endpoint;

/* HOST:PORT; an IPv6 address stands in brackets. */
bool argument_read_endpoint(px_endpoint *out, const char *name, const char *text);

/* A number from 1 to INT32_MAX. */
bool argument_read_count(uint32_t *out, const char *name, const char *text);

/* Text of a kind, which `out` borrows. */
bool argument_read_matching(const char **out, const char *name, ef_pattern pattern, const char *text);

bool argument_matches(ef_pattern pattern, const char *text);

#endif
