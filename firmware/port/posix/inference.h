/* The model runtime: a process that runs TensorFlow Lite Micro, reached over a socket (workloads/tflm).
 *
 * Its end is a panic: a model that crashes the runtime would have crashed the board. */
#ifndef EDGEFLEET_POSIX_INFERENCE_H
#define EDGEFLEET_POSIX_INFERENCE_H

#include "edgefleet/hal.h"
#include "options.h"
#include "tensors.h"

typedef struct {
    int socket;
    px_tensors tensors;
    ef_inference_info info; /* of the loaded model; all zero: there is none */
} px_inference;

/* Connects to the fork server, or starts the command. Waits some seconds for a server that is only starting.
 *
 * Returns false, and has said why. */
bool inference_open(px_inference *inference, const px_options *options);

void inference_close(px_inference *inference);

/* The HAL's calls; each blocks for at most ten seconds, then panics. */
bool inference_load(px_inference *inference, const uint8_t *model, size_t length, uint32_t arena_bytes,
                    ef_inference_info *info);
uint8_t *inference_input(px_inference *inference, size_t *bytes);
const uint8_t *inference_invoke(px_inference *inference, size_t *bytes);
void inference_unload(px_inference *inference);

/* Panics if the runtime has ended; called when its socket can be read while nothing was asked. */
void inference_check(const px_inference *inference);

#endif
