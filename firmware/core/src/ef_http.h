/* The head of an HTTP/1.1 response, byte by byte, in bounded memory. A device needs a length and a range, and accepts
 * little else: no chunks, no content coding, no redirects, one Content-Length. */
#ifndef EDGEFLEET_EF_HTTP_H
#define EDGEFLEET_EF_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EF_HTTP_LINE_MAX 192u
#define EF_HTTP_HEAD_MAX 8192u
#define EF_HTTP_RETRY_MAX_S 3600u /* nobody puts a device to sleep for longer */

typedef enum {
    EF_HTTP_MORE, /* all bytes used, the head goes on */
    EF_HTTP_DONE, /* the body begins behind the bytes used */
    EF_HTTP_BAD   /* not an answer that a device accepts: `fault` says why */
} ef_http_state;

typedef struct {
    uint16_t status; /* 0 until the status line was read */
    bool has_length;
    bool has_range;
    uint32_t length;      /* Content-Length */
    uint32_t range_first; /* Content-Range: bytes first-last/whole */
    uint32_t range_last;
    uint32_t range_whole;
    uint32_t retry_after; /* Retry-After where it is a number of seconds, EF_HTTP_RETRY_MAX_S at most; 0: none */
    const char *fault;
    /* The line being read. What is longer than this is of no interest, unless its name is. */
    char line[EF_HTTP_LINE_MAX];
    uint16_t line_length;
    bool line_cut;
    uint32_t used;
} ef_http;

void ef_http_begin(ef_http *http);

/* Reads on; `used` gets how many of the bytes belong to the head. */
ef_http_state ef_http_read(ef_http *http, const uint8_t *bytes, size_t length, size_t *used);

#endif
