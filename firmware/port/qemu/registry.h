/* The model registry at the other end of the stream: the files of tests/golden/updates, spoiled to order. */
#ifndef EDGEFLEET_QEMU_REGISTRY_H
#define EDGEFLEET_QEMU_REGISTRY_H

#include "edgefleet/hal.h"

enum { REGISTRY_REQUEST_MAX = 512, REGISTRY_ANSWER_MAX = 20480 };

typedef struct {
    const char *spoils; /* a byte in the middle of every body whose path has this in it; NULL: none */
    unsigned requests;
    char request[REGISTRY_REQUEST_MAX];
    size_t request_length;
    uint8_t answer[REGISTRY_ANSWER_MAX];
    size_t length;
    size_t at;
} registry;

ef_io registry_open(registry *server);
ef_io registry_read(registry *server, uint8_t *out, size_t capacity, size_t *got);
ef_io registry_write(registry *server, const uint8_t *bytes, size_t length, size_t *put);

#endif
