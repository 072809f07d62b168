/* esp-tls over a socket that is connected here: esp_tls_conn_new_async waits in select() for the whole of its timeout,
 * and forgets the socket when that passes (esp_tls.c of ESP-IDF 5.5 and 6.0). Handed over connected and non-blocking,
 * it shakes hands a step a call. */
#include <errno.h>
#include <esp_log.h>
#include <fcntl.h>
#include <lwip/netdb.h>
#include <lwip/sockets.h>
#include <sys/poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

#define PATIENCE_US (10 * 1000 * 1000)

static const char tag[] = "stream";

static const char *const hosts[EF_PEER_COUNT] = {
    [EF_PEER_MODEL_REGISTRY] = CONFIG_EDGEFLEET_MODEL_REGISTRY_HOST,
    [EF_PEER_DEVICE_REGISTRY] = CONFIG_EDGEFLEET_DEVICE_REGISTRY_HOST,
};
static const int ports[EF_PEER_COUNT] = {
    [EF_PEER_MODEL_REGISTRY] = CONFIG_EDGEFLEET_MODEL_REGISTRY_PORT,
    [EF_PEER_DEVICE_REGISTRY] = CONFIG_EDGEFLEET_DEVICE_REGISTRY_PORT,
};

static void close_stream(void *context) {
    ei_stream *stream = &((ei_board *)context)->stream;
    if (stream->tls != NULL) {
        esp_tls_conn_destroy(stream->tls); /* closes the socket too */
    } else if (stream->socket >= 0) {
        close(stream->socket);
    }
    stream->tls = NULL;
    stream->socket = -1;
    stream->state = STREAM_CLOSED;
}

static ef_io give_up(ei_board *board, const char *why) {
    ESP_LOGW(tag, "%s: %s", board->stream.authority[board->stream.peer], why);
    close_stream(board);
    return EF_IO_FAILED;
}

static void note_progress(ei_stream *stream) {
    stream->deadline = esp_timer_get_time() + PATIENCE_US;
}

static ef_io wait_longer(ei_board *board) {
    return esp_timer_get_time() < board->stream.deadline ? EF_IO_AGAIN : give_up(board, "it says nothing");
}

/* Blocks while the name is looked up, which lwIP cannot do otherwise through getaddrinfo. */
static bool start_connecting(ei_stream *stream) {
    char port[6];
    struct addrinfo *address = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(port, sizeof port, "%d", ports[stream->peer]);
    if (getaddrinfo(hosts[stream->peer], port, &hints, &address) != 0 || address == NULL) {
        return false;
    }
    stream->socket = socket(address->ai_family, address->ai_socktype, 0);
    bool good = stream->socket >= 0 && fcntl(stream->socket, F_SETFL, O_NONBLOCK) == 0 &&
                (connect(stream->socket, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS);
    freeaddrinfo(address);
    return good;
}

static ef_io finish_connecting(ei_board *board) {
    ei_stream *stream = &board->stream;
    struct pollfd wish = {.fd = stream->socket, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&wish, 1, 0) == 0) {
        return wait_longer(board);
    }
    if (getsockopt(stream->socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        return give_up(board, strerror(error));
    }
    stream->tls = esp_tls_init();
    if (stream->tls == NULL || esp_tls_set_conn_sockfd(stream->tls, stream->socket) != ESP_OK ||
        esp_tls_set_conn_state(stream->tls, ESP_TLS_CONNECTING) != ESP_OK) {
        return give_up(board, "no memory");
    }
    note_progress(stream);
    stream->state = STREAM_SHAKING_HANDS;
    return EF_IO_OK;
}

/* A step of the handshake. `non_block` would send esp-tls back to its select(); the socket does not block as it is. */
static int shake_hands(ei_stream *stream) {
    const ei_identity *identity = stream->identity;
    esp_tls_cfg_t settings = {
        .cacert_buf = (const unsigned char *)identity->ca,
        .cacert_bytes = strlen(identity->ca) + 1,
        .non_block = false,
    };
    if (identity->certificate != NULL) {
        settings.clientcert_buf = (const unsigned char *)identity->certificate;
        settings.clientcert_bytes = strlen(identity->certificate) + 1;
        settings.clientkey_buf = identity->key;
        settings.clientkey_bytes = identity->key_length;
    }
    const char *host = hosts[stream->peer];
    return esp_tls_conn_new_async(host, (int)strlen(host), ports[stream->peer], &settings, stream->tls);
}

static ef_io open_stream(void *context, ef_peer peer) {
    ei_board *board = context;
    ei_stream *stream = &board->stream;
    if (stream->state == STREAM_CLOSED) {
        stream->peer = peer;
        if (!network_is_up() || !start_connecting(stream)) {
            return give_up(board, "it cannot be reached");
        }
        note_progress(stream);
        stream->state = STREAM_CONNECTING;
    }
    if (stream->state == STREAM_CONNECTING) {
        ef_io io = finish_connecting(board);
        if (io != EF_IO_OK) {
            return io;
        }
    }
    if (stream->state == STREAM_SHAKING_HANDS) {
        int result = shake_hands(stream);
        if (result < 0) {
            return give_up(board, "no TLS connection"); /* esp-tls has said why */
        }
        if (result == 0) {
            return wait_longer(board);
        }
        stream->state = STREAM_OPEN;
        note_progress(stream);
    }
    return EF_IO_OK;
}

static bool is_waiting(ssize_t result) {
    return result == ESP_TLS_ERR_SSL_WANT_READ || result == ESP_TLS_ERR_SSL_WANT_WRITE;
}

static ef_io read_stream(void *context, uint8_t *out, size_t capacity, size_t *got) {
    ei_board *board = context;
    *got = 0;
    if (board->stream.state != STREAM_OPEN) {
        return EF_IO_FAILED;
    }
    ssize_t result = esp_tls_conn_read(board->stream.tls, out, capacity);
    if (result > 0) {
        *got = (size_t)result;
        note_progress(&board->stream);
        return EF_IO_OK;
    }
    if (result == 0) {
        close_stream(board);
        return EF_IO_END;
    }
    return is_waiting(result) ? wait_longer(board) : give_up(board, "the connection broke");
}

static ef_io write_stream(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    ei_board *board = context;
    *put = 0;
    if (board->stream.state != STREAM_OPEN) {
        return EF_IO_FAILED;
    }
    ssize_t result = esp_tls_conn_write(board->stream.tls, bytes, length);
    if (result >= 0) {
        *put = (size_t)result;
        note_progress(&board->stream);
        return EF_IO_OK;
    }
    return is_waiting(result) ? wait_longer(board) : give_up(board, "the connection broke");
}

void stream_wire(ef_hal *hal, ei_stream *stream, const ei_identity *identity) {
    stream->identity = identity;
    stream->socket = -1;
    hal->stream = (ef_hal_stream){
        .open = open_stream,
        .read = read_stream,
        .write = write_stream,
        .close = close_stream,
        .host = {NULL},
    };
    for (unsigned i = 0; i < EF_PEER_COUNT; i++) {
        snprintf(stream->authority[i], sizeof stream->authority[i], "%s:%d", hosts[i], ports[i]);
        hal->stream.host[i] = hosts[i][0] != '\0' ? stream->authority[i] : NULL;
    }
}
