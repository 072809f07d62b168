/* A model registry at the other end of the stream: it serves tests/golden/updates, and misbehaves to order. */
#ifndef EDGEFLEET_TESTS_REGISTRY_DOUBLE_H
#define EDGEFLEET_TESTS_REGISTRY_DOUBLE_H

#include "edgefleet/hal.h"

typedef enum {
    REGISTRY_GOOD,
    REGISTRY_UNREACHABLE,   /* no connection */
    REGISTRY_SILENT,        /* connects and says nothing */
    REGISTRY_ERROR,         /* 500 */
    REGISTRY_BUSY,          /* 503, with what `retry` says */
    REGISTRY_UNSATISFIED,   /* 416 */
    REGISTRY_REDIRECTS,     /* 302 */
    REGISTRY_CUTS,          /* the connection ends after `after` bytes of the body */
    REGISTRY_RESETS,        /* the same, with an error */
    REGISTRY_LONGER,        /* announces and sends a byte more */
    REGISTRY_EXTRA,         /* sends more than it announces */
    REGISTRY_ENDLESS,       /* announces no length and never ends */
    REGISTRY_CHUNKED,
    REGISTRY_OTHER_RANGE,   /* another part than was asked for */
    REGISTRY_IGNORES_RANGE, /* all of it, whatever was asked for */
    REGISTRY_TRICKLES,      /* a byte every 10 s */
    REGISTRY_GARBAGE        /* not HTTP */
} registry_manner;

typedef struct {
    const char *root;
    const char *host;
    registry_manner manner;
    const char *only;  /* for paths that contain this; NULL: all */
    unsigned times;    /* how often it misbehaves; then it is good */
    size_t after;
    size_t cuts_whole; /* an answer that is all of it ends after so many bytes; 0: it does not */
    bool refuses_parts; /* 416 to whoever asks for one */
    const char *retry; /* the value of Retry-After */
    /* An attacker's: whose path contains `swapped` is served the bytes of `with`, cut or padded to the length that was
     * there; whose path contains `tampered` gets the byte at `tampered_at` changed by `mask`, the first `tampered_times`
     * times (0: always), each time `tampered_step` bytes further. NULL: nothing. */
    const char *swapped;
    const char *with;
    const char *tampered;
    size_t tampered_at;
    uint8_t mask;
    unsigned tampered_times;
    size_t tampered_step;
    uint64_t *now_ms;
    /* What was seen. */
    unsigned requests;
    unsigned opened;
    unsigned closed;
    char request[1024]; /* the last one */
    /* The connection. */
    bool open;
    size_t request_length;
    uint8_t *answer;
    size_t length;
    size_t at;
    bool endless;
    bool resets;
    registry_manner now;
    uint64_t next_ms;
} registry_double;

ef_io registry_open(registry_double *registry);
ef_io registry_read(registry_double *registry, uint8_t *out, size_t capacity, size_t *got);
ef_io registry_write(registry_double *registry, const uint8_t *bytes, size_t length, size_t *put);
void registry_close(registry_double *registry);

#endif
