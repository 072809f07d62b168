/* One TLS connection at a time, to one of the servers a device knows.
 *
 * The port knows address, name and trusted CA of each, and refuses a server that does not prove its name. It shows the
 * device's certificate; while there is none yet, only the server proves who it is, and only to the device registry. */
#ifndef EDGEFLEET_HAL_STREAM_H
#define EDGEFLEET_HAL_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "edgefleet/hal_io.h"

typedef enum { EF_PEER_MODEL_REGISTRY, EF_PEER_DEVICE_REGISTRY } ef_peer;

#define EF_PEER_COUNT 2

typedef struct {
    ef_io (*open)(void *context, ef_peer peer); /* EF_IO_AGAIN until connected and verified: call again */
    ef_io (*read)(void *context, uint8_t *out, size_t capacity, size_t *got);
    ef_io (*write)(void *context, const uint8_t *bytes, size_t length, size_t *put);
    void (*close)(void *context);    /* also of a stream that is not open */
    const char *host[EF_PEER_COUNT]; /* what an HTTP request's Host header says; NULL: this device has no such peer */
} ef_hal_stream;

#endif
