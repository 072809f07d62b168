/* One download from the model registry into flash: asked for, checked while it comes, resumed where it broke off. */
#ifndef EDGEFLEET_EF_FETCH_H
#define EDGEFLEET_EF_FETCH_H

#include <psa/crypto.h>

#include "edgefleet/dsse.h"
#include "edgefleet/hal.h"
#include "ef_http.h"
#include "ef_writer.h"

#define EF_FETCH_SILENCE_MS 15000u /* without a byte */
#define EF_FETCH_TOTAL_MS 600000u  /* a connection that trickles ends too; the next one resumes */
#define EF_FETCH_ERROR_MAX 112u

typedef enum {
    EF_FETCH_WAITING, /* nothing came; poll again later */
    EF_FETCH_MOVING,  /* poll again at once */
    EF_FETCH_DONE,    /* all bytes are in flash */
    EF_FETCH_BROKEN,  /* the connection or the answer: try again, `error` says what happened */
    EF_FETCH_FLASH    /* flash failed: what was written is worth nothing */
} ef_fetch_result;

typedef struct {
    const ef_hal *hal;
    const char *folder; /* of the URL, such as "/v1/blobs/sha256/" */
    uint8_t digest[EF_SHA256_BYTES];
    uint32_t size; /* exactly */
    uint32_t area; /* where in flash, a whole sector */
    uint32_t dirty; /* bytes from there whose sectors are erased when they are entered; the others are erased already */
    uint32_t done; /* bytes in flash and in the hash */
    psa_hash_operation_t hash;
    uint8_t stage;
    uint16_t sent; /* of the request */
    bool whole;    /* the server refused to give the rest alone: ask for all */
    uint32_t skip; /* of the body: they are in flash */
    uint32_t left; /* of the body */
    uint64_t began_ms;
    uint64_t heard_ms;
    uint32_t retry_ms; /* that the server asked to wait; 0: nothing */
    ef_http http;
    char error[EF_FETCH_ERROR_MAX];
} ef_fetch;

/* What a download is of and where it goes. */
typedef struct {
    const char *folder;
    const uint8_t *digest;
    uint32_t size;
    uint32_t area;
    uint32_t dirty;
} ef_fetch_order;

/* Prepares a download from nothing; what was under way is given up. */
void ef_fetch_prepare(ef_fetch *fetch, const ef_hal *hal, const ef_fetch_order *order);

/* Takes the next sector as it lies in flash for fetched; false when it cannot be read. */
bool ef_fetch_recall(ef_fetch *fetch);

/* Asks for what is missing: the first time, and again after EF_FETCH_BROKEN. */
void ef_fetch_connect(ef_fetch *fetch);

/* Does what can be done now; `scratch` is free again afterwards. The connection is closed when this is over. */
ef_fetch_result ef_fetch_poll(ef_fetch *fetch, uint8_t *scratch, size_t capacity);

/* SHA-256 of what was fetched, once, after EF_FETCH_DONE. */
bool ef_fetch_digest(ef_fetch *fetch, uint8_t digest[EF_SHA256_BYTES]);

/* Gives up: closes the connection and forgets. Also of a fetch that never began, whose memory is zero. */
void ef_fetch_stop(ef_fetch *fetch);

#endif
