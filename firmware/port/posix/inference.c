#include "inference.h"

#include <errno.h>
#include <stdio.h>
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
    tensors_free(&inference->tensors);
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
    inference->info = *info;
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
    if (tensors_reserve(&inference->tensors, info->input_bytes, info->output_bytes) == NULL) {
        (void)snprintf(info->error, sizeof info->error, "its input and output are larger than this board");
        say(LEVEL_WARNING, "inference: %s", info->error);
        return false;
    }
    inference->info = *info;
    return true;
}

uint8_t *inference_input(px_inference *inference, size_t *bytes) {
    *bytes = inference->info.input_bytes;
    return *bytes > 0 ? inference->tensors.bytes : NULL;
}

const uint8_t *inference_invoke(px_inference *inference, size_t *bytes) {
    char text[EF_INFERENCE_ERROR_MAX];
    size_t answered = 0;
    size_t capacity = inference->info.output_bytes;
    runtime_piece piece = {inference->tensors.bytes, inference->info.input_bytes};
    if (piece.length == 0) {
        return NULL;
    }
    uint8_t *output = inference->tensors.bytes + piece.length;
    *bytes = 0;
    if (ask(inference, RUNTIME_RUN, &piece, 1, output, capacity, &answered) == RUNTIME_REFUSED) {
        runtime_copy_text(text, sizeof text, output, answered < capacity ? answered : capacity);
        say(LEVEL_WARNING, "inference: %s", text);
        return NULL;
    }
    if (answered > capacity) {
        say(LEVEL_WARNING, "inference: an output of %zu bytes, %zu were announced", answered, capacity);
        return NULL;
    }
    *bytes = answered;
    return output;
}

void inference_unload(px_inference *inference) {
    size_t length;
    inference->info = (ef_inference_info){0};
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
