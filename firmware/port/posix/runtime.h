/* The way to the model runtime: a process that runs TensorFlow Lite Micro, and its protocol (workloads/tflm). */
#ifndef EDGEFLEET_POSIX_RUNTIME_H
#define EDGEFLEET_POSIX_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNTIME_PATIENCE_MS 10000u
/* Of the answer to a load: arena used, bytes of the first input, bytes of the first output. */
#define RUNTIME_LOADED_BYTES 12u

enum {
    RUNTIME_LOAD = 1,
    RUNTIME_RUN = 2,
    RUNTIME_UNLOAD = 3,
    /* The same for one of several models, whose number comes first. */
    RUNTIME_LOAD_NUMBERED = 4,
    RUNTIME_RUN_NUMBERED = 5,
    RUNTIME_UNLOAD_NUMBERED = 6
};

typedef enum {
    RUNTIME_DONE,
    RUNTIME_REFUSED, /* the answer is text for people */
    RUNTIME_ENDED,   /* the process is gone */
    RUNTIME_SILENT,  /* no answer within the patience */
    RUNTIME_WRONG    /* what no runtime answers */
} runtime_result;

/* A piece of a request, so that a model is sent from where it lies. */
typedef struct {
    const void *bytes;
    size_t length;
} runtime_piece;

/* Connects to the fork server, or, with `path` NULL, starts the command. Waits some seconds for a server that is only
 * starting. The socket, or -1, and has said why. */
int runtime_open(const char *path, const char *command);

/* One request and its answer: `length` bytes, of which as many as fit are in `out`. After anything but RUNTIME_DONE and
 * _REFUSED the socket is of no use any more. */
runtime_result runtime_ask(int socket, uint8_t op, const runtime_piece *pieces, size_t count, void *out,
                           size_t capacity, size_t *length);

/* What happened, in words; not of RUNTIME_DONE and _REFUSED. */
const char *runtime_explain(runtime_result result);

/* The text of a refusal, made printable ASCII. */
void runtime_copy_text(char *out, size_t size, const void *text, size_t length);

/* Little endian, as everything here. */
void runtime_put_u32(uint8_t *out, uint32_t value);
uint32_t runtime_get_u32(const uint8_t *bytes);

#endif
