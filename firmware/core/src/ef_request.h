/* One POST of a small document, and the document that answers it, in memory that the caller gives. */
#ifndef EDGEFLEET_EF_REQUEST_H
#define EDGEFLEET_EF_REQUEST_H

#include "edgefleet/hal.h"
#include "ef_http.h"
#include "ef_writer.h"

#define EF_REQUEST_SILENCE_MS 15000u /* without a byte */
#define EF_REQUEST_TOTAL_MS 60000u   /* a peer that trickles is given up too */
#define EF_REQUEST_ERROR_MAX 96u
#define EF_REQUEST_HEAD_MAX 512u     /* of what is asked: a host's name and a path are most of it */

typedef enum {
    EF_REQUEST_WAITING, /* nothing came; poll again later */
    EF_REQUEST_MOVING,  /* poll again at once */
    EF_REQUEST_DONE,    /* 200 or 201, and the whole answer is in memory */
    EF_REQUEST_REFUSED, /* another status, `http.status`; there may be an `http.retry_after` */
    EF_REQUEST_BROKEN   /* the connection or the answer; `error` says what happened */
} ef_request_result;

typedef struct {
    const ef_hal *hal;
    const char *path;
    uint8_t *memory;   /* the body of the question, then that of the answer */
    uint32_t capacity;
    uint32_t asked;    /* bytes of the question's body */
    uint32_t answered; /* of the answer's, once it is DONE */
    uint32_t sent;     /* of head and body */
    uint32_t got;
    ef_peer peer;
    uint8_t stage;
    uint64_t began_ms;
    uint64_t heard_ms;
    ef_http http;
    char error[EF_REQUEST_ERROR_MAX];
} ef_request;

/* Begins a request: `asked` bytes of JSON in `memory` go to a path of the peer, whose answer overwrites them, up to
 * `capacity` bytes. `hal`, `path` and `memory` are borrowed until it is over. */
void ef_request_begin(ef_request *request, const ef_hal *hal, ef_peer peer, const char *path, uint8_t *memory,
                      uint32_t capacity, uint32_t asked);

/* Does what can be done now; `scratch`, of at least EF_REQUEST_HEAD_MAX bytes, is free again afterwards. The connection
 * is closed when this is over. */
ef_request_result ef_request_poll(ef_request *request, uint8_t *scratch, size_t capacity);

/* Gives up: closes the connection. Also of a request that never began, whose memory is zero. */
void ef_request_stop(ef_request *request);

#endif
