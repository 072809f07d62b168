#include "registry_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "files.h"

enum { ANSWER_MAX = 64 * 1024, READ_MAX = 700, TRICKLE_MS = 10000 };

ef_io registry_open(registry_double *registry) {
    if (registry->open) {
        give_up("the core opens a stream twice", "stream");
    }
    registry->opened++;
    if (registry->manner == REGISTRY_UNREACHABLE && registry->times > 0) {
        registry->times--;
        return EF_IO_FAILED;
    }
    registry->open = true;
    registry->request_length = 0;
    registry->length = 0;
    registry->at = 0;
    registry->endless = false;
    registry->resets = false;
    registry->now = REGISTRY_GOOD;
    return EF_IO_OK;
}

void registry_close(registry_double *registry) {
    registry->closed += registry->open ? 1 : 0;
    registry->open = false;
    free(registry->answer);
    registry->answer = NULL;
}

static void say(registry_double *registry, const void *bytes, size_t length) {
    if (registry->length + length > ANSWER_MAX) {
        give_up("an answer is too long", registry->request);
    }
    memcpy(registry->answer + registry->length, bytes, length);
    registry->length += length;
}

static void say_text(registry_double *registry, const char *text) {
    say(registry, text, strlen(text));
}

static void say_head(registry_double *registry, size_t whole, size_t from) {
    char head[256];
    size_t length = whole - from + (registry->now == REGISTRY_LONGER ? 1 : 0);
    size_t first = from + (registry->now == REGISTRY_OTHER_RANGE ? 1 : 0);
    say_text(registry, from > 0 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n");
    say_text(registry, "ETag: \"x\"\r\nCache-Control: immutable\r\n");
    if (registry->now == REGISTRY_CHUNKED) {
        say_text(registry, "Transfer-Encoding: chunked\r\n\r\n");
        return;
    }
    if (from > 0) {
        (void)snprintf(head, sizeof head, "content-range: bytes %zu-%zu/%zu\r\n", first, whole - 1, whole);
        say_text(registry, head);
    }
    if (registry->now != REGISTRY_ENDLESS) {
        (void)snprintf(head, sizeof head, "content-length:  %zu \r\n", length);
        say_text(registry, head);
    }
    say_text(registry, "\r\n");
}

static void attack(registry_double *registry, const char *path, uint8_t *content, size_t whole) {
    if (registry->swapped != NULL && strstr(path, registry->swapped) != NULL) {
        size_t length = 0;
        uint8_t *other = file_read(registry->root, registry->with, &length);
        memset(content, 0, whole);
        memcpy(content, other, length < whole ? length : whole);
        free(other);
    }
    if (registry->tampered != NULL && strstr(path, registry->tampered) != NULL && registry->tampered_at < whole) {
        content[registry->tampered_at] ^= registry->mask;
        registry->tampered_at += registry->tampered_step;
        registry->tampered = registry->tampered_times == 1 ? NULL : registry->tampered;
        registry->tampered_times -= registry->tampered_times > 1 ? 1 : 0;
    }
}

static void say_file(registry_double *registry, const char *path) {
    size_t whole = 0;
    uint8_t *content = file_read_if_there(registry->root, path + 1, &whole);
    const char *range = strstr(registry->request, "Range: bytes=");
    size_t from = range != NULL && registry->now != REGISTRY_IGNORES_RANGE ? strtoul(range + 13, NULL, 10) : 0;
    if (content == NULL) {
        say_text(registry, "HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n{\"reason\":\"NotFound\"}");
        return;
    }
    attack(registry, path, content, whole);
    if (from >= whole) {
        give_up("the core asks for a part beyond the end", registry->request);
    }
    say_head(registry, whole, from);
    size_t sent = whole - from;
    if ((registry->now == REGISTRY_CUTS || registry->now == REGISTRY_RESETS) && registry->after < sent) {
        sent = registry->after;
    }
    if (registry->cuts_whole > 0 && from == 0 && registry->cuts_whole < sent) {
        sent = registry->cuts_whole;
    }
    say(registry, content + from, sent);
    if (registry->now == REGISTRY_LONGER || registry->now == REGISTRY_EXTRA) {
        say_text(registry, "x");
    }
    registry->endless = registry->now == REGISTRY_ENDLESS;
    registry->resets = registry->now == REGISTRY_RESETS;
    free(content);
}

static void answer(registry_double *registry) {
    char path[256];
    if (sscanf(registry->request, "GET %255s HTTP/1.1\r\n", path) != 1 || strstr(path, "..") != NULL) {
        give_up("not a request", registry->request);
    }
    registry->requests++;
    registry->answer = malloc(ANSWER_MAX);
    registry->next_ms = *registry->now_ms;
    if (registry->times > 0 && (registry->only == NULL || strstr(path, registry->only) != NULL)) {
        registry->times--;
        registry->now = registry->manner;
    }
    if (registry->refuses_parts && strstr(registry->request, "Range: ") != NULL) {
        registry->now = REGISTRY_UNSATISFIED;
    }
    switch (registry->now) {
    case REGISTRY_SILENT:
        break;
    case REGISTRY_ERROR:
        say_text(registry, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        break;
    case REGISTRY_BUSY:
        say_text(registry, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: ");
        say_text(registry, registry->retry);
        say_text(registry, "\r\nContent-Length: 0\r\n\r\n");
        break;
    case REGISTRY_UNSATISFIED:
        say_text(registry, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */7\r\nContent-Length: 0\r\n\r\n");
        break;
    case REGISTRY_REDIRECTS:
        say_text(registry, "HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n");
        break;
    case REGISTRY_GARBAGE:
        say_text(registry, "\x16\x03\x01\nSSH-2.0-x\r\n\r\n");
        break;
    default:
        say_file(registry, path);
        break;
    }
}

ef_io registry_write(registry_double *registry, const uint8_t *bytes, size_t length, size_t *put) {
    /* Small pieces: a request need not leave at once. */
    *put = length < 100 ? length : 100;
    if (registry->request_length + *put >= sizeof registry->request) {
        give_up("the request is too long", "request");
    }
    memcpy(registry->request + registry->request_length, bytes, *put);
    registry->request_length += *put;
    registry->request[registry->request_length] = '\0';
    if (strstr(registry->request, "\r\n\r\n") != NULL) {
        answer(registry);
    }
    return EF_IO_OK;
}

ef_io registry_read(registry_double *registry, uint8_t *out, size_t capacity, size_t *got) {
    size_t most = capacity < READ_MAX ? capacity : READ_MAX;
    *got = 0;
    if (registry->now == REGISTRY_SILENT || *registry->now_ms < registry->next_ms) {
        return EF_IO_AGAIN;
    }
    if (registry->now == REGISTRY_TRICKLES) {
        most = 1;
        registry->next_ms = *registry->now_ms + TRICKLE_MS;
    }
    if (registry->at == registry->length && registry->endless) {
        memset(out, 'x', most);
        *got = most;
        return EF_IO_OK;
    }
    if (registry->at == registry->length) {
        return registry->resets ? EF_IO_FAILED : EF_IO_END;
    }
    *got = registry->length - registry->at < most ? registry->length - registry->at : most;
    memcpy(out, registry->answer + registry->at, *got);
    registry->at += *got;
    return EF_IO_OK;
}
