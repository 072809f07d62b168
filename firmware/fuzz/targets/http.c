/* The head of an answer: what it says does not depend on the pieces it comes in, and a second opinion agrees on what
 * counts. */
#include <stdlib.h>
#include <string.h>

#include "ef_http.h"
#include "input.h"
#include "promise.h"

/* In pieces whose sizes the input chooses; each in a block of its own. */
static ef_http_state read_in_pieces(ef_http *http, const uint8_t *head, size_t length, fuzz_input *sizes,
                                    size_t *total) {
    ef_http_state state = EF_HTTP_MORE;
    ef_http_begin(http);
    *total = 0;
    while (*total < length && state == EF_HTTP_MORE) {
        size_t used = 0;
        size_t piece = 1 + input_byte(sizes);
        piece = piece < length - *total ? piece : length - *total;
        uint8_t *exact = copy_exactly(head + *total, piece);
        state = ef_http_read(http, exact, piece, &used);
        PROMISE(used <= piece && (state != EF_HTTP_MORE || used == piece));
        *total += used;
        free(exact);
    }
    return state;
}

static char lower(uint8_t c) {
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* How many of the head's lines have that name. */
static unsigned count_headers(const uint8_t *head, size_t length, const char *name) {
    unsigned count = 0;
    for (size_t at = 0; at < length; at++) {
        size_t i = 0;
        if (at > 0 && head[at - 1] != '\n') {
            continue;
        }
        while (at + i < length && name[i] != '\0' && lower(head[at + i]) == name[i]) {
            i++;
        }
        count += name[i] == '\0' ? 1 : 0;
    }
    return count;
}

static void check_done(const ef_http *http, const uint8_t *head, size_t used) {
    PROMISE(used >= 10 && used <= EF_HTTP_HEAD_MAX && head[used - 1] == '\n');
    PROMISE(head[used - 2] == '\n' || (head[used - 2] == '\r' && head[used - 3] == '\n'));
    PROMISE(memcmp(head, "HTTP/1.", 7) == 0 && memchr(head, '\0', used) == NULL);
    PROMISE(http->status >= 100 && http->status <= 599 && http->fault == NULL);
    PROMISE(http->has_length == (count_headers(head, used, "content-length:") > 0));
    /* At most once, and where a 416 has it, it names no range. */
    unsigned ranges = http->status == 416 ? 0 : count_headers(head, used, "content-range:");
    PROMISE((http->has_range ? 1u : 0u) == ranges);
    PROMISE(count_headers(head, used, "transfer-encoding:") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ef_http whole;
    ef_http pieces;
    size_t used = 0;
    size_t total = 0;
    size_t chosen = size < 16 ? size : 16;
    fuzz_input sizes = {data, chosen};
    const uint8_t *head = data + chosen;
    size_t length = size - chosen;
    memset(&whole, 0xA5, sizeof whole);
    memset(&pieces, 0x5A, sizeof pieces);
    ef_http_begin(&whole);
    uint8_t *exact = copy_exactly(head, length);
    ef_http_state state = ef_http_read(&whole, exact, length, &used);
    PROMISE(read_in_pieces(&pieces, head, length, &sizes, &total) == state || length == 0);
    PROMISE(total == used && pieces.status == whole.status && pieces.fault == whole.fault);
    PROMISE(pieces.has_length == whole.has_length && pieces.length == whole.length);
    PROMISE(pieces.has_range == whole.has_range && pieces.range_first == whole.range_first);
    PROMISE(pieces.range_last == whole.range_last && pieces.range_whole == whole.range_whole);
    PROMISE((state == EF_HTTP_BAD) == (whole.fault != NULL));
    if (state == EF_HTTP_DONE) {
        check_done(&whole, exact, used);
    }
    free(exact);
    return 0;
}
