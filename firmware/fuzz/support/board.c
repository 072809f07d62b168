#include "board.h"

#include <stdlib.h>
#include <string.h>

#include "promise.h"

static bool hal_flash_read(void *context, uint32_t offset, void *out, size_t length) {
    return flash_read(&((fuzz_board *)context)->flash, offset, out, length);
}

/* Flash may stop working in the middle of anything. */
static flash_double *wear(fuzz_board *board) {
    if (board->flash_fails_after > 0 && --board->flash_fails_after == 0) {
        board->flash.fails = true;
    }
    return &board->flash;
}

static bool hal_flash_program(void *context, uint32_t offset, const void *bytes, size_t length) {
    return flash_program(wear(context), offset, bytes, length);
}

static bool hal_flash_erase(void *context, uint32_t offset) {
    return flash_erase(wear(context), offset);
}

static const uint8_t *hal_flash_map(void *context, uint32_t offset, size_t length) {
    return flash_map(&((fuzz_board *)context)->flash, offset, length);
}

static ef_io hal_open(void *context, ef_peer peer) {
    fuzz_board *board = context;
    PROMISE(!board->open && peer < EF_PEER_COUNT && board->hal.stream.host[peer] != NULL);
    if (board->manner == STREAM_UNREACHABLE) {
        return EF_IO_FAILED;
    }
    if (board->manner == STREAM_SLOW && (board->now_ms & 1) != 0) {
        return EF_IO_AGAIN;
    }
    board->open = true;
    board->request_length = 0;
    board->answer_length = 0;
    board->answer_at = 0;
    return EF_IO_OK;
}

void board_say(fuzz_board *board, const void *bytes, size_t length) {
    size_t room = sizeof board->answer - board->answer_length;
    length = length < room ? length : room;
    if (length > 0) {
        memcpy(board->answer + board->answer_length, bytes, length);
    }
    board->answer_length += length;
}

static ef_io hal_write(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    fuzz_board *board = context;
    size_t most = board->piece > 0 ? board->piece : BOARD_REQUEST_MAX;
    PROMISE(board->open);
    *put = length < most ? length : most;
    PROMISE(board->request_length + *put <= BOARD_REQUEST_MAX);
    memcpy(board->request + board->request_length, bytes, *put);
    board->request_length += *put;
    board->request[board->request_length] = '\0';
    if (strstr(board->request, "\r\n\r\n") != NULL && board->manner != STREAM_SILENT) {
        if (board->manner == STREAM_RAW) {
            board_say(board, board->raw, board->raw_length);
        } else {
            board->serve(board);
        }
    }
    return EF_IO_OK;
}

static ef_io end_of_answer(const fuzz_board *board) {
    if (board->manner == STREAM_SILENT) {
        return EF_IO_AGAIN;
    }
    return board->manner == STREAM_BROKEN ? EF_IO_FAILED : EF_IO_END;
}

static ef_io hal_read(void *context, uint8_t *out, size_t capacity, size_t *got) {
    fuzz_board *board = context;
    bool slow = board->manner == STREAM_SLOW;
    bool short_of = board->manner == STREAM_CUT || board->manner == STREAM_BROKEN;
    size_t end = short_of && board->at_byte < board->answer_length ? board->at_byte : board->answer_length;
    size_t most = board->piece > 0 && board->piece < capacity ? board->piece : capacity;
    PROMISE(board->open);
    *got = 0;
    if (slow && (board->now_ms & 2) != 0) {
        return (board->now_ms & 4) != 0 ? EF_IO_AGAIN : EF_IO_OK;
    }
    if (board->answer_at >= end) {
        return end_of_answer(board);
    }
    *got = end - board->answer_at < most ? end - board->answer_at : most;
    memcpy(out, board->answer + board->answer_at, *got);
    board->answer_at += *got;
    return EF_IO_OK;
}

static void hal_close(void *context) {
    ((fuzz_board *)context)->open = false;
}

static uint64_t hal_now(void *context) {
    return ((fuzz_board *)context)->now_ms;
}

static int64_t hal_unix(void *context) {
    return ((fuzz_board *)context)->unix_ms;
}

static bool hal_random(void *context, void *out, size_t length) {
    fuzz_board *board = context;
    for (size_t i = 0; i < length; i++) {
        board->random = board->random * 1664525u + 1013904223u;
        ((uint8_t *)out)[i] = (uint8_t)(board->random >> 24);
    }
    return !board->random_fails;
}

static void hal_log(void *context, const char *text) {
    (void)context;
    PROMISE(strlen(text) < 512);
}

static void hal_arm(void *context, uint32_t ms) {
    (void)context;
    PROMISE(ms > 0);
}

static void hal_disarm(void *context) {
    (void)context;
}

static void end_suddenly(void *context) {
    longjmp(((fuzz_board *)context)->out, 1);
}

static void hal_restart(void *context, const char *why) {
    (void)why;
    end_suddenly(context);
}

static bool hal_subscribe(void *context, const char *topic, int qos) {
    PROMISE(strncmp(topic, "fleet/v1/", 9) == 0 && qos >= 0 && qos <= 1);
    return !((fuzz_board *)context)->broker_refuses;
}

static bool hal_unsubscribe(void *context, const char *topic) {
    return hal_subscribe(context, topic, 0);
}

static bool hal_publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    fuzz_board *board = context;
    (void)retain;
    PROMISE(qos >= 0 && qos <= 1);
    if (!board->broker_refuses && board->heard != NULL) {
        board->heard(board, topic, bytes, length);
    }
    return !board->broker_refuses;
}

static bool hal_load(void *context, const uint8_t *model, size_t length, uint32_t arena, ef_inference_info *info) {
    PROMISE(arena <= BOARD_ARENA_BYTES);
    return runtime_load(&((fuzz_board *)context)->runtime, model, length, info);
}

static uint8_t *hal_input(void *context, size_t *bytes) {
    return runtime_input(&((fuzz_board *)context)->runtime, bytes);
}

static const uint8_t *hal_invoke(void *context, size_t *bytes) {
    return runtime_invoke(&((fuzz_board *)context)->runtime, bytes);
}

static void hal_unload(void *context) {
    runtime_unload(&((fuzz_board *)context)->runtime);
}

static void connect_hal(fuzz_board *board) {
    board->hal.context = board;
    board->hal.clock = (ef_hal_clock){hal_now, hal_unix};
    board->hal.random = (ef_hal_random){hal_random};
    board->hal.log = (ef_hal_log){hal_log};
    board->hal.watchdog = (ef_hal_watchdog){hal_arm, hal_disarm, hal_restart};
    board->hal.flash = (ef_hal_flash){hal_flash_read, hal_flash_program, hal_flash_erase, hal_flash_map};
    board->hal.stream = (ef_hal_stream){hal_open, hal_read, hal_write, hal_close, {"registry.test", NULL}};
    board->hal.mqtt = (ef_hal_mqtt){hal_subscribe, hal_publish, hal_unsubscribe};
    board->hal.inference = (ef_hal_inference){hal_load, hal_input, hal_invoke, hal_unload};
}

fuzz_board *board_new(void) {
    static fuzz_board board;
    static uint8_t *cells;
    uint32_t size = ef_agent_flash_bytes(BOARD_SLOT_BYTES);
    if (cells == NULL) {
        cells = aligned_alloc(16, size);
        PROMISE(cells != NULL);
    }
    memset(&board, 0, sizeof board);
    memset(cells, 0xFF, size);
    board.flash.bytes = cells;
    board.flash.size = size;
    board.flash.random = 1;
    board.flash.power_off = end_suddenly;
    board.flash.context = &board;
    board.runtime.crash = end_suddenly;
    board.runtime.context = &board;
    board.random = 7;
    connect_hal(&board);
    return &board;
}

void board_power_down(fuzz_board *board) {
    hal_close(board);
    runtime_unload(&board->runtime);
    board->flash.cut_at = 0;
    board->flash.fails = false;
    board->flash_fails_after = 0;
    board->flash.work = 0;
    board->flash.operations = 0;
}
