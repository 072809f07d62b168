/* The TLS connection to a registry, one at a time: Mbed TLS 2.28, TLS 1.2, the device's certificate, never blocking. */
#ifndef EDGEFLEET_POSIX_STREAM_H
#define EDGEFLEET_POSIX_STREAM_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <netdb.h>
#include <poll.h>

#include "edgefleet/hal.h"
#include "identity.h"
#include "options.h"

typedef enum { STREAM_CLOSED, STREAM_CONNECTING, STREAM_SHAKING_HANDS, STREAM_OPEN } stream_state;

/* A server that the device knows. */
typedef struct {
    const px_endpoint *endpoint; /* its host is empty where there is no such server */
    const char *name;            /* that the server's certificate must prove */
    const char *what;            /* in the log */
} px_server;

typedef struct {
    px_server servers[EF_PEER_COUNT];
    const px_server *server; /* the one of this connection */
    const px_identity *identity;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    /* Of this connection: read from the identity's files, which a registry may have changed since the last one. */
    mbedtls_x509_crt ca;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_ssl_config settings;
    mbedtls_ssl_context tls;
    mbedtls_net_context socket;
    struct addrinfo *addresses;
    const struct addrinfo *next; /* to try */
    stream_state state;
    short wanted;      /* poll events that the last call waits for, 0 for none */
    uint64_t deadline; /* for the next byte */
    size_t allowance;  /* bytes that this call may still take from the socket */
} px_stream;

/* False, and has said why, without randomness. `stream_finish` frees in any case. */
bool stream_prepare(px_stream *stream, const px_server servers[EF_PEER_COUNT], const px_identity *identity);

void stream_finish(px_stream *stream);

/* The HAL's four calls. A server that says nothing for ten seconds is given up; the model registry hears nothing from a
 * device without a certificate. */
ef_io stream_open(px_stream *stream, ef_peer peer);
ef_io stream_read(px_stream *stream, uint8_t *out, size_t capacity, size_t *got);
ef_io stream_write(px_stream *stream, const uint8_t *bytes, size_t length, size_t *put);
void stream_close(px_stream *stream);

/* What to poll for until the next call; its `fd` is negative when the stream waits for nothing. */
struct pollfd stream_wish(const px_stream *stream);

/* Milliseconds until the patience ends, -1 when the stream waits for nothing. */
int stream_patience(const px_stream *stream);

/* The wish was granted or the patience has ended: nothing is waited for until the next call says so again. */
void stream_wake(px_stream *stream);

#endif
