/* A device registry at the other end of the stream: it binds a claim to the first key that shows it, and misbehaves to
 * order. What it knows survives the device's power cuts. */
#ifndef EDGEFLEET_TESTS_ENROLMENT_DOUBLE_H
#define EDGEFLEET_TESTS_ENROLMENT_DOUBLE_H

#include "edgefleet/dsse.h"
#include "edgefleet/hal.h"

enum { ENROLMENT_ANSWER_MAX = 20000, ENROLMENT_REQUEST_MAX = 6000 };

typedef enum {
    ENROLMENT_GOOD,
    ENROLMENT_UNREACHABLE,
    ENROLMENT_HANGS_UP, /* while it is being asked */
    ENROLMENT_SILENT,
    ENROLMENT_STATUS,   /* answers `status`, with `retry_after` if that is a text */
    ENROLMENT_CUTS,     /* the connection ends after `after` bytes of the answer's body */
    ENROLMENT_RESETS,   /* the same, with an error */
    ENROLMENT_LOSES,    /* does its work, and the answer is lost */
    ENROLMENT_LONGER,   /* announces a byte more than it sends */
    ENROLMENT_EXTRA,    /* sends a byte more than it announces */
    ENROLMENT_ENDLESS,  /* announces no length and never ends */
    ENROLMENT_HUGE,     /* announces more than any document has */
    ENROLMENT_CHUNKED,
    ENROLMENT_TRICKLES, /* a byte every 5 s */
    ENROLMENT_GARBAGE,  /* not HTTP */
    ENROLMENT_SAYS      /* answers 200 with `says` */
} enrolment_manner;

typedef struct {
    const char *claim; /* the one it gave out */
    const ef_key *keys; /* a release key and an assignment key */
    int version;        /* of the bundle that it hands out */
    bool activates;
    unsigned retry_after_seconds; /* in the answer of a device that is not activated; 0: absent */
    unsigned wrong_key; /* certificates for another key that it will send */
    enrolment_manner manner;
    const char *only; /* for paths that contain this; NULL: all */
    unsigned times;   /* how often it misbehaves; then it is good */
    unsigned status;
    const char *retry_after;
    const char *says;
    size_t after;
    const uint64_t *now_ms;
    bool (*has_certificate)(void *context); /* of who connects */
    void *context;
    /* What it knows. */
    unsigned key; /* bound to the claim; 0: the claim is not used */
    unsigned issued;
    unsigned refused;
    unsigned let_in; /* answers that it may work */
    /* What was seen. */
    unsigned opened;
    uint64_t opened_ms; /* last */
    unsigned broken;    /* requests that no contract allows */
    /* The connection. */
    bool open;
    bool mutual;
    enrolment_manner now;
    char request[ENROLMENT_REQUEST_MAX];
    size_t request_length;
    bool answered;
    uint8_t answer[ENROLMENT_ANSWER_MAX];
    size_t length;
    size_t at;
    uint64_t next_ms;
} enrolment_double;

ef_io enrolment_open(enrolment_double *registry);
ef_io enrolment_read(enrolment_double *registry, uint8_t *out, size_t capacity, size_t *got);
ef_io enrolment_write(enrolment_double *registry, const uint8_t *bytes, size_t length, size_t *put);
void enrolment_close(enrolment_double *registry);

#endif
