#include <string.h>

#include "check.h"
#include "ef_http.h"

typedef struct {
    const char *head;
    ef_http_state state;
    uint16_t status;
} head_case;

static const head_case cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", EF_HTTP_DONE, 200},
    {"HTTP/1.0 200\r\n\r\n", EF_HTTP_DONE, 200},
    {"HTTP/1.1 404 \r\nX: y\r\n\r\n", EF_HTTP_DONE, 404},
    {"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:5\r\nContent-Length: 5\r\n\r\n", EF_HTTP_DONE, 200},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/3\r\n\r\n", EF_HTTP_DONE, 206},
    {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/*\r\n\r\n", EF_HTTP_BAD, 206},
    {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes */3\r\n\r\n", EF_HTTP_BAD, 206},
    {"HTTP/1.1 206 Partial Content\r\nContent-Range: pages 1-2/3\r\n\r\n", EF_HTTP_BAD, 206},
    {"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */3\r\n\r\n", EF_HTTP_DONE, 416},
    {"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n", EF_HTTP_BAD, 200},
    {"HTTP/2 200\r\n\r\n", EF_HTTP_BAD, 0},
    {"HTTP/1.1 99 x\r\n\r\n", EF_HTTP_BAD, 99},
    {"HTTP/1.1  200 OK\r\n\r\n", EF_HTTP_BAD, 0},
    {"HTTP/1.1 2000 OK\r\n\r\n", EF_HTTP_BAD, 2000},
    {"\r\n\r\n", EF_HTTP_BAD, 0},
    {"GET / HTTP/1.1\r\n\r\n", EF_HTTP_BAD, 0},
};

/* In pieces of `step` bytes. */
static ef_http_state read_in_steps(ef_http *http, const char *head, size_t length, size_t step, size_t *total) {
    ef_http_state state = EF_HTTP_MORE;
    ef_http_begin(http);
    *total = 0;
    while (*total < length && state == EF_HTTP_MORE) {
        size_t used = 0;
        size_t piece = length - *total < step ? length - *total : step;
        state = ef_http_read(http, (const uint8_t *)head + *total, piece, &used);
        *total += used;
    }
    return state;
}

static void test_heads(const test_setting *setting) {
    (void)setting;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step < 80; step += 13) {
            ef_http http;
            size_t used = 0;
            ef_http_state state = read_in_steps(&http, cases[i].head, strlen(cases[i].head), step, &used);
            if (state != cases[i].state || http.status != cases[i].status) {
                check_failed(__FILE__, __LINE__, "judged wrongly", cases[i].head);
            }
            CHECK(state != EF_HTTP_DONE || used == strlen(cases[i].head));
            CHECK((state == EF_HTTP_BAD) == (http.fault != NULL));
        }
    }
}

static void test_retry_after_is_seconds(const test_setting *setting) {
    static const struct {
        const char *head;
        uint32_t seconds;
    } pleas[] = {
        {"HTTP/1.1 503 x\r\nRetry-After: 7\r\n\r\n", 7},
        {"HTTP/1.1 503 x\r\nretry-after:\t7 \r\n\r\n", 7},
        {"HTTP/1.1 503 x\r\nRetry-After: 7\r\nRetry-After: 5\r\n\r\n", 7},
        {"HTTP/1.1 503 x\r\nRetry-After: 4294967297\r\n\r\n", EF_HTTP_RETRY_MAX_S},
        {"HTTP/1.1 503 x\r\nRetry-After: 3601\r\n\r\n", EF_HTTP_RETRY_MAX_S},
        {"HTTP/1.1 503 x\r\nRetry-After: 7.5\r\n\r\n", 0},
        {"HTTP/1.1 503 x\r\nRetry-After: -7\r\n\r\n", 0},
        {"HTTP/1.1 503 x\r\nRetry-After:\r\n\r\n", 0},
        {"HTTP/1.1 503 x\r\nRetry-Afterwards: 7\r\n\r\n", 0},
        {"HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n", 0},
    };
    (void)setting;
    for (size_t i = 0; i < sizeof pleas / sizeof pleas[0]; i++) {
        ef_http http;
        size_t used = 0;
        CHECK(read_in_steps(&http, pleas[i].head, strlen(pleas[i].head), 9, &used) == EF_HTTP_DONE);
        if (http.retry_after != pleas[i].seconds) {
            check_failed(__FILE__, __LINE__, "read wrongly", pleas[i].head);
        }
    }
}

static void test_the_body_is_left_alone(const test_setting *setting) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    ef_http http;
    size_t used = 0;
    (void)setting;
    ef_http_begin(&http);
    CHECK(ef_http_read(&http, (const uint8_t *)answer, sizeof answer - 1, &used) == EF_HTTP_DONE);
    CHECK(used == sizeof answer - 5);
    CHECK(http.has_length && http.length == 4);
}

static void test_memory_is_bounded(const test_setting *setting) {
    ef_http http;
    size_t used = 0;
    char line[EF_HTTP_LINE_MAX * 2];
    static const char status[] = "HTTP/1.1 200 OK\r\n";
    (void)setting;
    memset(line, 'x', sizeof line);
    line[sizeof line - 2] = '\r';
    line[sizeof line - 1] = '\n';
    /* A long header of no interest is stepped over; without end it is refused. */
    ef_http_begin(&http);
    CHECK(ef_http_read(&http, (const uint8_t *)status, sizeof status - 1, &used) == EF_HTTP_MORE);
    CHECK(ef_http_read(&http, (const uint8_t *)line, sizeof line, &used) == EF_HTTP_MORE);
    ef_http_state state = EF_HTTP_MORE;
    for (unsigned i = 0; i < EF_HTTP_HEAD_MAX / sizeof line + 1; i++) {
        state = ef_http_read(&http, (const uint8_t *)line, sizeof line, &used);
    }
    CHECK(state == EF_HTTP_BAD);
    /* One that counts is refused, because its end was not read. */
    memcpy(line, "content-length: ", 16);
    memset(line + 16, '0', sizeof line - 18);
    ef_http_begin(&http);
    CHECK(ef_http_read(&http, (const uint8_t *)status, sizeof status - 1, &used) == EF_HTTP_MORE);
    CHECK(ef_http_read(&http, (const uint8_t *)line, sizeof line, &used) == EF_HTTP_BAD);
}

const named_test http_tests[] = {
    {"http-heads", test_heads},
    {"http-retry-after-is-seconds", test_retry_after_is_seconds},
    {"http-the-body-is-left-alone", test_the_body_is_left_alone},
    {"http-memory-is-bounded", test_memory_is_bounded},
    {NULL, NULL},
};
