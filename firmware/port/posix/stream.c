#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define PATIENCE_MS 10000u
/* Taken from the socket in one call: more than a record, or none would ever be whole. */
#define CALL_BYTES 32768u

/* Our certificates are ECDSA ones; forward secrecy and AEAD, nothing older. */
static const int ciphersuites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                   MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                                   MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0};

/* A line about the server of this connection. */
__attribute__((format(printf, 3, 4))) static void complain(const px_stream *stream, px_level level, const char *format,
                                                           ...) {
    char text[400];
    const px_server *server = stream->server;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say(level, "%s: %s:%s%s", server->what, server->endpoint->host, server->endpoint->port, text);
}

static bool is_done(const px_stream *stream, int result, const char *what) {
    char text[128];
    if (result == 0) {
        return true;
    }
    mbedtls_strerror(result, text, sizeof text);
    say(LEVEL_ERROR, "%s: %s: %s", stream->server->what, what, text);
    return false;
}

static void init_connection(px_stream *stream) {
    mbedtls_x509_crt_init(&stream->ca);
    mbedtls_x509_crt_init(&stream->certificate);
    mbedtls_pk_init(&stream->key);
    mbedtls_ssl_config_init(&stream->settings);
    mbedtls_ssl_init(&stream->tls);
    mbedtls_net_init(&stream->socket);
}

static void free_connection(px_stream *stream) {
    mbedtls_net_free(&stream->socket);
    mbedtls_ssl_free(&stream->tls);
    mbedtls_ssl_config_free(&stream->settings);
    mbedtls_pk_free(&stream->key);
    mbedtls_x509_crt_free(&stream->certificate);
    mbedtls_x509_crt_free(&stream->ca);
}

bool stream_prepare(px_stream *stream, const px_server servers[EF_PEER_COUNT], const px_identity *identity) {
    memset(stream, 0, sizeof *stream);
    memcpy(stream->servers, servers, sizeof stream->servers);
    stream->server = &stream->servers[EF_PEER_MODEL_REGISTRY];
    stream->identity = identity;
    init_connection(stream);
    mbedtls_entropy_init(&stream->entropy);
    mbedtls_ctr_drbg_init(&stream->random);
    return is_done(stream,
                   mbedtls_ctr_drbg_seed(&stream->random, mbedtls_entropy_func, &stream->entropy,
                                         (const unsigned char *)identity->device_id, strlen(identity->device_id)),
                   "randomness");
}

void stream_finish(px_stream *stream) {
    stream_close(stream);
    mbedtls_ctr_drbg_free(&stream->random);
    mbedtls_entropy_free(&stream->entropy);
}

void stream_close(px_stream *stream) {
    if (stream->state == STREAM_OPEN) {
        mbedtls_ssl_close_notify(&stream->tls); /* one try: a peer that does not read it misses nothing */
    }
    free_connection(stream);
    init_connection(stream);
    if (stream->addresses != NULL) {
        freeaddrinfo(stream->addresses);
    }
    stream->addresses = NULL;
    stream->next = NULL;
    stream->wanted = 0;
    stream->state = STREAM_CLOSED;
}

/* What this device proves itself with. Before it has a certificate, its claim does that, to the device registry. */
static bool show_certificate(px_stream *stream) {
    const px_identity *who = stream->identity;
    if (!who->has_certificate && stream->server == &stream->servers[EF_PEER_DEVICE_REGISTRY]) {
        return true;
    }
    return is_done(stream, mbedtls_x509_crt_parse_file(&stream->certificate, who->certificate_path),
                   who->certificate_path) &&
           is_done(stream, mbedtls_pk_parse_keyfile(&stream->key, who->key_path, NULL), who->key_path) &&
           is_done(stream, mbedtls_ssl_conf_own_cert(&stream->settings, &stream->certificate, &stream->key),
                   "certificate");
}

static bool configure(px_stream *stream) {
    mbedtls_ssl_config *settings = &stream->settings;
    const char *ca = stream->identity->ca_path;
    if (!is_done(stream,
                 mbedtls_ssl_config_defaults(settings, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT),
                 "settings") ||
        !is_done(stream, mbedtls_x509_crt_parse_file(&stream->ca, ca), ca)) {
        return false;
    }
    mbedtls_ssl_conf_authmode(settings, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_min_version(settings, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ciphersuites(settings, ciphersuites);
    mbedtls_ssl_conf_ca_chain(settings, &stream->ca, NULL);
    mbedtls_ssl_conf_rng(settings, mbedtls_ctr_drbg_random, &stream->random);
    return show_certificate(stream);
}

static ef_io give_up(px_stream *stream) {
    stream_close(stream);
    return EF_IO_FAILED;
}

/* The server is not ready: waits for it, as long as there is patience. */
static ef_io wait_for(px_stream *stream, short events) {
    if (now_ms() >= stream->deadline) {
        complain(stream, LEVEL_WARNING, " says nothing for %u s", PATIENCE_MS / 1000u);
        return give_up(stream);
    }
    stream->wanted = events;
    return EF_IO_AGAIN;
}

static void note_progress(px_stream *stream) {
    stream->wanted = 0;
    stream->deadline = now_ms() + PATIENCE_MS;
}

/* Blocks for as long as the system's resolver takes, as lwIP's does on a board. */
static bool resolve(px_stream *stream) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const px_endpoint *at = stream->server->endpoint;
    int result = getaddrinfo(at->host, at->port, &hints, &stream->addresses);
    if (result != 0) {
        stream->addresses = NULL;
        complain(stream, LEVEL_WARNING, ": %s", gai_strerror(result));
        return false;
    }
    stream->next = stream->addresses;
    return true;
}

/* Starts connecting to the next address; false when there is none left. */
static bool connect_next(px_stream *stream) {
    int error = 0;
    for (; stream->next != NULL; stream->next = stream->next->ai_next) {
        const struct addrinfo *address = stream->next;
        int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (descriptor < 0) {
            error = errno;
            continue;
        }
        if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS) {
            stream->socket.fd = descriptor;
            stream->next = address->ai_next;
            stream->state = STREAM_CONNECTING;
            return true;
        }
        error = errno;
        close(descriptor);
    }
    if (error != 0) {
        complain(stream, LEVEL_WARNING, ": %s", strerror(error));
    }
    return false;
}

static int send_bytes(void *context, const unsigned char *bytes, size_t length) {
    px_stream *stream = context;
    return mbedtls_net_send(&stream->socket, bytes, length);
}

/* Mbed TLS reads on while there is only what means nothing, such as warnings: a flood of it must not stop the device. */
static int receive_bytes(void *context, unsigned char *out, size_t capacity) {
    px_stream *stream = context;
    if (stream->allowance == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    int got = mbedtls_net_recv(&stream->socket, out, capacity < stream->allowance ? capacity : stream->allowance);
    stream->allowance -= got > 0 ? (size_t)got : 0;
    return got;
}

static bool start_handshake(px_stream *stream) {
    stream->state = STREAM_SHAKING_HANDS;
    mbedtls_ssl_set_bio(&stream->tls, stream, send_bytes, receive_bytes, NULL);
    return configure(stream) && is_done(stream, mbedtls_ssl_setup(&stream->tls, &stream->settings), "settings") &&
           is_done(stream, mbedtls_ssl_set_hostname(&stream->tls, stream->server->name), stream->server->name);
}

static ef_io finish_connecting(px_stream *stream) {
    struct pollfd socket = {.fd = stream->socket.fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&socket, 1, 0) == 0) {
        return wait_for(stream, POLLOUT);
    }
    if (getsockopt(stream->socket.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        complain(stream, LEVEL_WARNING, ": %s", strerror(error));
        mbedtls_net_free(&stream->socket);
        return connect_next(stream) ? wait_for(stream, POLLOUT) : give_up(stream);
    }
    note_progress(stream);
    return start_handshake(stream) ? EF_IO_OK : give_up(stream);
}

static void say_why(px_stream *stream, int result) {
    char text[256];
    uint32_t faults = mbedtls_ssl_get_verify_result(&stream->tls);
    if (result == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED && faults != 0 && faults != UINT32_MAX) {
        mbedtls_x509_crt_verify_info(text, sizeof text, "", faults);
        complain(stream, LEVEL_ERROR, " is not %s of this fleet: %s", stream->server->name, text);
        return;
    }
    mbedtls_strerror(result, text, sizeof text);
    complain(stream, LEVEL_WARNING, ": %s", text);
}

/* What a call of Mbed TLS that did not do its work means. */
static ef_io judge(px_stream *stream, int result) {
    switch (result) {
    case MBEDTLS_ERR_SSL_WANT_READ:
        return wait_for(stream, POLLIN);
    case MBEDTLS_ERR_SSL_WANT_WRITE:
        return wait_for(stream, POLLOUT);
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
        stream_close(stream);
        return EF_IO_END;
    default:
        say_why(stream, result);
        return give_up(stream);
    }
}

ef_io stream_open(px_stream *stream, ef_peer peer) {
    if (stream->state == STREAM_CLOSED) {
        stream->server = &stream->servers[peer];
        note_progress(stream);
        if (!resolve(stream) || !connect_next(stream)) {
            return give_up(stream);
        }
    }
    if (stream->state == STREAM_CONNECTING) {
        ef_io io = finish_connecting(stream);
        if (io != EF_IO_OK) {
            return io;
        }
    }
    if (stream->state == STREAM_SHAKING_HANDS) {
        stream->allowance = CALL_BYTES;
        int result = mbedtls_ssl_handshake(&stream->tls);
        if (result != 0) {
            ef_io io = judge(stream, result);
            return io == EF_IO_END ? EF_IO_FAILED : io;
        }
        stream->state = STREAM_OPEN;
        note_progress(stream);
    }
    return EF_IO_OK;
}

ef_io stream_read(px_stream *stream, uint8_t *out, size_t capacity, size_t *got) {
    *got = 0;
    if (stream->state != STREAM_OPEN) {
        return EF_IO_FAILED;
    }
    stream->allowance = CALL_BYTES;
    int result = mbedtls_ssl_read(&stream->tls, out, capacity);
    if (result > 0) {
        *got = (size_t)result;
        note_progress(stream);
        return EF_IO_OK;
    }
    return judge(stream, result == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : result);
}

ef_io stream_write(px_stream *stream, const uint8_t *bytes, size_t length, size_t *put) {
    *put = 0;
    if (stream->state != STREAM_OPEN) {
        return EF_IO_FAILED;
    }
    stream->allowance = CALL_BYTES;
    int result = mbedtls_ssl_write(&stream->tls, bytes, length);
    if (result >= 0) {
        *put = (size_t)result;
        note_progress(stream);
        return EF_IO_OK;
    }
    return judge(stream, result);
}

struct pollfd stream_wish(const px_stream *stream) {
    bool waits = stream->wanted != 0 && stream->state != STREAM_CLOSED;
    return (struct pollfd){.fd = waits ? stream->socket.fd : -1, .events = stream->wanted};
}

int stream_patience(const px_stream *stream) {
    uint64_t now = now_ms();
    if (stream->wanted == 0) {
        return -1;
    }
    return now >= stream->deadline ? 0 : (int)(stream->deadline - now);
}

void stream_wake(px_stream *stream) {
    stream->wanted = 0;
}
