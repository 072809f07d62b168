#include "registry.h"

#include <string.h>

#include "console.h"

enum { HEAD_MAX = 80, PIECE_MAX = 1000 };

ef_io registry_open(registry *server) {
    server->request_length = 0;
    server->length = 0;
    server->at = 0;
    return EF_IO_OK;
}

/* The path of a request without its first slash, ended by a NUL in place. */
static const char *path_of(char *request) {
    static const char verb[] = "GET /";
    char *end = strchr(request + sizeof verb - 1, ' ');
    if (strncmp(request, verb, sizeof verb - 1) != 0 || end == NULL) {
        return NULL;
    }
    *end = '\0';
    return request + sizeof verb - 1;
}

static size_t write_head(char *head, const char *status, size_t length) {
    char digits[11] = "";
    char *at = digits + sizeof digits - 1;
    do {
        *--at = (char)('0' + length % 10);
        length /= 10;
    } while (length > 0);
    strcpy(head, "HTTP/1.1 ");
    strcat(head, status);
    strcat(head, "\r\nContent-Length: ");
    strcat(head, at);
    strcat(head, "\r\n\r\n");
    return strlen(head);
}

/* All of the file, whatever part was asked for: a server may. */
static void answer(registry *server) {
    char head[HEAD_MAX];
    uint8_t *body = server->answer + HEAD_MAX;
    const char *path = path_of(server->request);
    size_t length = path != NULL ? read_file(path, body, sizeof server->answer - HEAD_MAX) : 0;
    server->requests++;
    if (length > 0 && server->spoils != NULL && strstr(path, server->spoils) != NULL) {
        body[length / 2] = body[length / 2] == 'A' ? 'B' : 'A';
    }
    size_t used = write_head(head, length > 0 ? "200 OK" : "404 Not Found", length);
    memcpy(server->answer, head, used);
    memmove(server->answer + used, body, length);
    server->length = used + length;
}

ef_io registry_write(registry *server, const uint8_t *bytes, size_t length, size_t *put) {
    if (length >= sizeof server->request - server->request_length) {
        return EF_IO_FAILED;
    }
    memcpy(server->request + server->request_length, bytes, length);
    server->request_length += length;
    server->request[server->request_length] = '\0';
    *put = length;
    if (strstr(server->request, "\r\n\r\n") != NULL) {
        answer(server);
    }
    return EF_IO_OK;
}

ef_io registry_read(registry *server, uint8_t *out, size_t capacity, size_t *got) {
    size_t most = capacity < PIECE_MAX ? capacity : PIECE_MAX;
    *got = server->length - server->at < most ? server->length - server->at : most;
    memcpy(out, server->answer + server->at, *got);
    server->at += *got;
    return *got > 0 ? EF_IO_OK : EF_IO_END;
}
