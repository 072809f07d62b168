#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/error.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define PATIENCE_MS 10000u

/* Our certificates are ECDSA ones; forward secrecy and AEAD, nothing older. */
static const int ciphersuites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                   MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                                   MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0};

static bool is_done(int result, const char *what) {
    char text[128];
    if (result == 0) {
        return true;
    }
    mbedtls_strerror(result, text, sizeof text);
    say(LEVEL_ERROR, "registry: %s: %s", what, text);
    return false;
}

static bool configure(px_stream *stream) {
    mbedtls_ssl_config *settings = &stream->settings;
    if (!is_done(mbedtls_ssl_config_defaults(settings, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT),
                 "settings")) {
        return false;
    }
    mbedtls_ssl_conf_authmode(settings, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_min_version(settings, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ciphersuites(settings, ciphersuites);
    mbedtls_ssl_conf_ca_chain(settings, &stream->ca, NULL);
    mbedtls_ssl_conf_rng(settings, mbedtls_ctr_drbg_random, &stream->random);
    return is_done(mbedtls_ssl_conf_own_cert(settings, &stream->certificate, &stream->key), "certificate");
}

bool stream_prepare(px_stream *stream, const px_endpoint *server, const char *name, const px_identity *identity) {
    memset(stream, 0, sizeof *stream);
    stream->server = server;
    stream->name = name;
    mbedtls_entropy_init(&stream->entropy);
    mbedtls_ctr_drbg_init(&stream->random);
    mbedtls_x509_crt_init(&stream->ca);
    mbedtls_x509_crt_init(&stream->certificate);
    mbedtls_pk_init(&stream->key);
    mbedtls_ssl_config_init(&stream->settings);
    mbedtls_ssl_init(&stream->tls);
    mbedtls_net_init(&stream->socket);
    return is_done(mbedtls_ctr_drbg_seed(&stream->random, mbedtls_entropy_func, &stream->entropy,
                                         (const unsigned char *)identity->device_id, strlen(identity->device_id)),
                   "randomness") &&
           is_done(mbedtls_x509_crt_parse_file(&stream->ca, identity->ca_path), identity->ca_path) &&
           is_done(mbedtls_x509_crt_parse_file(&stream->certificate, identity->certificate_path),
                   identity->certificate_path) &&
           is_done(mbedtls_pk_parse_keyfile(&stream->key, identity->key_path, NULL), identity->key_path) &&
           configure(stream);
}

void stream_finish(px_stream *stream) {
    stream_close(stream);
    mbedtls_ssl_free(&stream->tls);
    mbedtls_ssl_config_free(&stream->settings);
    mbedtls_pk_free(&stream->key);
    mbedtls_x509_crt_free(&stream->certificate);
    mbedtls_x509_crt_free(&stream->ca);
    mbedtls_ctr_drbg_free(&stream->random);
    mbedtls_entropy_free(&stream->entropy);
}

void stream_close(px_stream *stream) {
    if (stream->state == STREAM_OPEN) {
        mbedtls_ssl_close_notify(&stream->tls); /* one try: a peer that does not read it misses nothing */
    }
    mbedtls_ssl_free(&stream->tls);
    mbedtls_ssl_init(&stream->tls);
    mbedtls_net_free(&stream->socket);
    if (stream->addresses != NULL) {
        freeaddrinfo(stream->addresses);
    }
    stream->addresses = NULL;
    stream->next = NULL;
    stream->wanted = 0;
    stream->state = STREAM_CLOSED;
}

static ef_io give_up(px_stream *stream) {
    stream_close(stream);
    return EF_IO_FAILED;
}

/* The server is not ready: waits for it, as long as there is patience. */
static ef_io wait_for(px_stream *stream, short events) {
    if (now_ms() >= stream->deadline) {
        say(LEVEL_WARNING, "registry: %s:%s says nothing for %u s", stream->server->host, stream->server->port,
            PATIENCE_MS / 1000u);
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
    int result = getaddrinfo(stream->server->host, stream->server->port, &hints, &stream->addresses);
    if (result != 0) {
        stream->addresses = NULL;
        say(LEVEL_WARNING, "registry: %s: %s", stream->server->host, gai_strerror(result));
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
        say(LEVEL_WARNING, "registry: %s:%s: %s", stream->server->host, stream->server->port, strerror(error));
    }
    return false;
}

static bool start_handshake(px_stream *stream) {
    stream->state = STREAM_SHAKING_HANDS;
    mbedtls_ssl_set_bio(&stream->tls, &stream->socket, mbedtls_net_send, mbedtls_net_recv, NULL);
    return is_done(mbedtls_ssl_setup(&stream->tls, &stream->settings), "settings") &&
           is_done(mbedtls_ssl_set_hostname(&stream->tls, stream->name), stream->name);
}

static ef_io finish_connecting(px_stream *stream) {
    struct pollfd socket = {.fd = stream->socket.fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&socket, 1, 0) == 0) {
        return wait_for(stream, POLLOUT);
    }
    if (getsockopt(stream->socket.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        say(LEVEL_WARNING, "registry: %s:%s: %s", stream->server->host, stream->server->port, strerror(error));
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
        say(LEVEL_ERROR, "registry: %s:%s is not %s of this fleet: %s", stream->server->host, stream->server->port,
            stream->name, text);
        return;
    }
    mbedtls_strerror(result, text, sizeof text);
    say(LEVEL_WARNING, "registry: %s:%s: %s", stream->server->host, stream->server->port, text);
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

ef_io stream_open(px_stream *stream) {
    if (stream->state == STREAM_CLOSED) {
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
