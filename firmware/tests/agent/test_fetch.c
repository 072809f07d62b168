/* A download and a stream that is not ready, or not there, at each of its calls. */
#include <string.h>

#include "check.h"
#include "ef_fetch.h"

enum { AREA_BYTES = 2 * EF_FLASH_SECTOR };

/* A stream that does as it is told, once a call; in the end all is well. */
typedef struct {
    ef_io opens;
    ef_io writes;
    bool reads_nothing;
    unsigned closed;
    uint64_t now_ms;
    uint8_t flash[AREA_BYTES];
    ef_hal hal;
} wire;

static ef_io wire_open(void *context, ef_peer peer) {
    wire *w = context;
    ef_io answer = w->opens;
    (void)peer;
    w->opens = EF_IO_OK;
    return answer;
}

static ef_io wire_write(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    wire *w = context;
    ef_io answer = w->writes;
    (void)bytes;
    *put = answer == EF_IO_OK ? length : 0;
    w->writes = EF_IO_OK;
    return answer;
}

static ef_io wire_read(void *context, uint8_t *out, size_t capacity, size_t *got) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    wire *w = context;
    bool nothing = w->reads_nothing;
    w->reads_nothing = false;
    *got = nothing ? 0 : sizeof answer - 1;
    CHECK(capacity >= *got);
    memcpy(out, answer, *got);
    return EF_IO_OK;
}

static void wire_close(void *context) {
    ((wire *)context)->closed++;
}

static uint64_t wire_now(void *context) {
    return ((wire *)context)->now_ms;
}

static bool wire_program(void *context, uint32_t offset, const void *bytes, size_t length) {
    memcpy(((wire *)context)->flash + offset, bytes, length);
    return true;
}

static bool wire_erase(void *context, uint32_t offset) {
    memset(((wire *)context)->flash + offset, 0xFF, EF_FLASH_SECTOR);
    return true;
}

static void begin(wire *w, ef_fetch *fetch) {
    static const uint8_t digest[EF_SHA256_BYTES];
    memset(w, 0, sizeof *w);
    memset(fetch, 0, sizeof *fetch);
    w->hal.context = w;
    w->hal.clock.monotonic_ms = wire_now;
    w->hal.stream = (ef_hal_stream){wire_open, wire_read, wire_write, wire_close, {"registry.test", NULL}};
    w->hal.flash = (ef_hal_flash){.program = wire_program, .erase = wire_erase};
    const ef_fetch_order order = {"/v1/blobs/sha256/", digest, 3, 0, 3};
    ef_fetch_prepare(fetch, &w->hal, &order);
    ef_fetch_connect(fetch);
}

static ef_fetch_result finish(ef_fetch *fetch, uint8_t *scratch, size_t capacity) {
    ef_fetch_result result = EF_FETCH_MOVING;
    while (result == EF_FETCH_MOVING) {
        result = ef_fetch_poll(fetch, scratch, capacity);
    }
    return result;
}

/* Whoever is not ready is asked again. */
static void test_a_stream_that_is_not_ready_is_waited_for(const test_setting *setting) {
    static uint8_t scratch[1024];
    (void)setting;
    for (int at = 0; at < 3; at++) {
        static wire w;
        ef_fetch fetch;
        begin(&w, &fetch);
        w.opens = at == 0 ? EF_IO_AGAIN : EF_IO_OK;
        w.writes = at == 1 ? EF_IO_AGAIN : EF_IO_OK;
        w.reads_nothing = at == 2;
        CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_WAITING);
        CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_DONE);
        CHECK(memcmp(w.flash, "abc", 3) == 0 && w.closed == 1);
        ef_fetch_stop(&fetch);
    }
}

static void test_a_stream_that_breaks_is_closed(const test_setting *setting) {
    static uint8_t scratch[1024];
    static wire w;
    ef_fetch fetch;
    (void)setting;
    begin(&w, &fetch);
    w.writes = EF_IO_FAILED;
    CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_BROKEN);
    CHECK_TEXT(fetch.error, "the connection broke while asking");
    CHECK(w.closed == 1);
    CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_BROKEN);
    CHECK_TEXT(fetch.error, "no download is under way");
    CHECK(w.closed == 1);
    ef_fetch_connect(&fetch);
    CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_DONE);
    ef_fetch_stop(&fetch);
}

static void test_a_request_that_does_not_fit_is_not_sent(const test_setting *setting) {
    static uint8_t scratch[64];
    static wire w;
    ef_fetch fetch;
    (void)setting;
    begin(&w, &fetch);
    CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_BROKEN);
    CHECK_TEXT(fetch.error, "the model registry's name is too long");
    ef_fetch_stop(&fetch);
}

static void test_a_slow_stream_is_given_up(const test_setting *setting) {
    static uint8_t scratch[1024];
    static wire w;
    ef_fetch fetch;
    (void)setting;
    begin(&w, &fetch);
    w.opens = EF_IO_AGAIN;
    CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_WAITING);
    w.now_ms = EF_FETCH_SILENCE_MS + 1;
    CHECK(finish(&fetch, scratch, sizeof scratch) == EF_FETCH_BROKEN);
    CHECK_TEXT(fetch.error, "the model registry was silent for too long");
    ef_fetch_stop(&fetch);
}

const named_test fetch_tests[] = {
    {"a-stream-that-is-not-ready-is-waited-for", test_a_stream_that_is_not_ready_is_waited_for},
    {"a-stream-that-breaks-is-closed", test_a_stream_that_breaks_is_closed},
    {"a-request-that-does-not-fit-is-not-sent", test_a_request_that_does_not_fit_is_not_sent},
    {"a-slow-stream-is-given-up", test_a_slow_stream_is_given_up},
    {NULL, NULL},
};
