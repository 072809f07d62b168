#include "inference.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "runtime.h"

bool inference_open(px_inference *inference, const px_options *options) {
    inference->socket = runtime_open(options->inference_socket, options->inference_command);
    return inference->socket >= 0;
}

void inference_close(px_inference *inference) {
    if (inference->socket >= 0) {
        close(inference->socket);
        inference->socket = -1;
    }
}

/* An answer, or the end of this board. */
static runtime_result ask(const px_inference *inference, uint8_t op, const runtime_piece *pieces, size_t count,
                          void *out, size_t capacity, size_t *length) {
    runtime_result result = runtime_ask(inference->socket, op, pieces, count, out, capacity, length);
    if (result != RUNTIME_DONE && result != RUNTIME_REFUSED) {
        panic("%s", runtime_explain(result));
    }
    return result;
}

bool inference_load(px_inference *inference, const uint8_t *model, size_t length, uint32_t arena_bytes,
                    ef_inference_info *info) {
    uint8_t head[4];
    uint8_t out[EF_INFERENCE_ERROR_MAX];
    size_t got = 0;
    runtime_piece pieces[] = {{head, sizeof head}, {model, length}};
    memset(info, 0, sizeof *info);
    runtime_put_u32(head, arena_bytes);
    if (ask(inference, RUNTIME_LOAD, pieces, 2, out, sizeof out, &got) == RUNTIME_REFUSED) {
        runtime_copy_text(info->error, sizeof info->error, out, got < sizeof out ? got : sizeof out);
        say(LEVEL_WARNING, "inference: %s", info->error);
        return false;
    }
    if (got != RUNTIME_LOADED_BYTES) {
        panic("%s", runtime_explain(RUNTIME_WRONG));
    }
    info->arena_used = runtime_get_u32(out);
    info->input_bytes = runtime_get_u32(out + 4);
    info->output_bytes = runtime_get_u32(out + 8);
    return true;
}

bool inference_run(px_inference *inference, const uint8_t *input, size_t length, uint8_t *output, size_t capacity,
                   size_t *got) {
    char text[EF_INFERENCE_ERROR_MAX];
    size_t answered = 0;
    runtime_piece piece = {input, length};
    runtime_result result = ask(inference, RUNTIME_RUN, &piece, 1, output, capacity, &answered);
    *got = 0;
    if (result == RUNTIME_REFUSED) {
        runtime_copy_text(text, sizeof text, output, answered < capacity ? answered : capacity);
        say(LEVEL_WARNING, "inference: %s", text);
        return false;
    }
    if (answered > capacity) {
        say(LEVEL_WARNING, "inference: an output of %zu bytes, there is room for %zu", answered, capacity);
        return false;
    }
    *got = answered;
    return true;
}

void inference_unload(px_inference *inference) {
    size_t length;
    ask(inference, RUNTIME_UNLOAD, NULL, 0, NULL, 0, &length);
}

void inference_check(const px_inference *inference) {
    uint8_t byte;
    ssize_t got = recv(inference->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        panic("the model runtime ended");
    }
    if (got > 0) {
        panic("the model runtime says what nobody asked");
    }
}
