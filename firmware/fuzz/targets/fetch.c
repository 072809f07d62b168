/* A download over streams that say what the input wants: it ends with the right number of bytes in flash, whose digest
 * it knows, or it says why not; and it touches nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "ef_fetch.h"
#include "input.h"
#include "promise.h"

enum { SIZE_MAX_BYTES = 9000, AREA = EF_FLASH_SECTOR, POLLS_MAX = 12000, CONNECTIONS_MAX = 6 };

static uint8_t content[SIZE_MAX_BYTES];
static uint32_t content_length;

/* What an honest registry answers, with or without a range. */
static void serve(void *context) {
    fuzz_board *board = context;
    char head[160];
    const char *range = strstr(board->request, "Range: bytes=");
    size_t from = range != NULL ? strtoul(range + 13, NULL, 10) : 0;
    PROMISE(strncmp(board->request, "GET /v1/blobs/sha256/", 21) == 0 && from < content_length);
    if (from > 0) {
        (void)snprintf(head, sizeof head,
                       "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %zu-%u/%u\r\nContent-Length: %zu\r\n\r\n",
                       from, content_length - 1, content_length, content_length - from);
    } else {
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", content_length);
    }
    board_say(board, head, strlen(head));
    board_say(board, content + from, content_length - from);
    if (board->manner == STREAM_OTHER_BYTES) {
        board->answer[strlen(head) + board->at_byte % (content_length - from)] ^= 1;
    }
}

static void choose_manner(fuzz_board *board, fuzz_input *input) {
    board->manner = (stream_manner)input_below(input, STREAM_MANNERS);
    board->piece = input_byte(input);
    board->piece = (uint16_t)(board->piece * 8);
    board->at_byte = input_u16(input);
    if (board->manner == STREAM_RAW) {
        board->raw = input_bytes(input, 2048, &board->raw_length);
    }
}

static ef_fetch_result poll_to_the_end(ef_fetch *fetch, fuzz_board *board, uint8_t *scratch, size_t capacity) {
    ef_fetch_result result = EF_FETCH_MOVING;
    for (unsigned i = 0; i < POLLS_MAX && (result == EF_FETCH_MOVING || result == EF_FETCH_WAITING); i++) {
        uint32_t done = fetch->done;
        result = ef_fetch_poll(fetch, scratch, capacity);
        PROMISE(fetch->done <= fetch->size && (fetch->done >= done || fetch->done == 0 || result != EF_FETCH_WAITING));
        board->now_ms += board->manner == STREAM_SLOW ? 1 : result == EF_FETCH_WAITING ? 500 : 0;
    }
    PROMISE(result != EF_FETCH_MOVING && result != EF_FETCH_WAITING);
    PROMISE(!board->open && (result == EF_FETCH_DONE || fetch->error[0] != '\0'));
    PROMISE(memchr(fetch->error, '\0', sizeof fetch->error) != NULL);
    return result;
}

static void check_done(ef_fetch *fetch, const fuzz_board *board, bool honest) {
    uint8_t said[EF_SHA256_BYTES];
    uint8_t there[EF_SHA256_BYTES];
    PROMISE(fetch->done == fetch->size && ef_fetch_digest(fetch, said));
    PROMISE(ef_sha256(board->flash.bytes + AREA, fetch->size, there) && memcmp(said, there, sizeof said) == 0);
    PROMISE(!honest || memcmp(said, fetch->digest, sizeof said) == 0);
}

static uint8_t digest[EF_SHA256_BYTES];

static void prepare(ef_fetch *fetch, const fuzz_board *board, uint32_t dirty) {
    const ef_fetch_order order = {"/v1/blobs/sha256/", digest, content_length, AREA, dirty};
    ef_fetch_prepare(fetch, &board->hal, &order);
}

/* Flash as it may be: to be erased on the way, erased already, or with the first sectors of an earlier download. True
 * when these are what was signed. */
static bool begin(ef_fetch *fetch, fuzz_board *board, fuzz_input *input) {
    unsigned kind = input_byte(input);
    uint8_t *area = board->flash.bytes + AREA;
    uint32_t recalled = kind % 3 == 2 ? (content_length - 1) / EF_FLASH_SECTOR : 0;
    uint32_t dirty = kind % 3 == 0 ? content_length : kind % 3 == 1 ? 0 : (recalled + 1) * EF_FLASH_SECTOR;
    uint32_t sectors = (content_length + EF_FLASH_SECTOR - 1) / EF_FLASH_SECTOR;
    if (dirty < content_length) {
        memset(area + dirty, 0xFF, sectors * EF_FLASH_SECTOR - dirty);
    }
    memcpy(area, content, recalled * EF_FLASH_SECTOR);
    bool right = recalled == 0 || (kind & 0x80) == 0;
    area[0] = (uint8_t)(area[0] ^ (right ? 0 : 1));
    prepare(fetch, board, dirty);
    for (uint32_t i = 0; i < recalled; i++) {
        PROMISE(ef_fetch_recall(fetch));
    }
    PROMISE(fetch->done == recalled * EF_FLASH_SECTOR);
    return right;
}

static void check_surroundings(const fuzz_board *board) {
    uint32_t end = AREA + (content_length + EF_FLASH_SECTOR - 1) / EF_FLASH_SECTOR * EF_FLASH_SECTOR;
    for (uint32_t i = 0; i < 4 * EF_FLASH_SECTOR + AREA; i++) {
        PROMISE((i >= AREA && i < end) || board->flash.bytes[i] == 0x5A);
    }
}

static void run(ef_fetch *fetch, fuzz_board *board, fuzz_input *input, uint8_t *scratch, size_t capacity) {
    bool honest = begin(fetch, board, input);
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        choose_manner(board, input);
        honest = honest && board->manner != STREAM_OTHER_BYTES && board->manner != STREAM_RAW;
        ef_fetch_connect(fetch);
        board->flash.fails = input_byte(input) == 0xFF;
        ef_fetch_result result = poll_to_the_end(fetch, board, scratch, capacity);
        PROMISE(result != EF_FETCH_FLASH || board->flash.fails);
        if (result == EF_FETCH_DONE) {
            check_done(fetch, board, honest);
            return;
        }
        if (input->left == 0) {
            return;
        }
        if (result == EF_FETCH_FLASH) {
            prepare(fetch, board, content_length); /* as whoever erases it all */
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ef_fetch fetch;
    fuzz_input input = {data, size};
    fuzz_board *board = board_new();
    board->serve = serve;
    memset(board->flash.bytes, 0x5A, board->flash.size);
    content_length = 1 + input_below(&input, SIZE_MAX_BYTES - 1);
    for (uint32_t i = 0; i < content_length; i++) {
        content[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    PROMISE(ef_sha256(content, content_length, digest));
    size_t capacity = 256 + (size_t)input_byte(&input) * 16;
    uint8_t *scratch = malloc(capacity);
    PROMISE(scratch != NULL);
    run(&fetch, board, &input, scratch, capacity);
    check_surroundings(board);
    ef_fetch_stop(&fetch);
    free(scratch);
    return 0;
}
