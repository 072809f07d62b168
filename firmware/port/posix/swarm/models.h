/* The one model runtime of a swarm: devices that run the same bytes in an arena of the same size share one model in it.
 *
 * Its process can end under a call: a model crashed it, as it would have crashed the board. Then the device of that
 * call restarts, and the others go on: a new process is started, and their models are loaded into it when they are next
 * run, from the flash of the device that runs them. */
#ifndef EDGEFLEET_POSIX_SWARM_MODELS_H
#define EDGEFLEET_POSIX_SWARM_MODELS_H

#include "edgefleet/dsse.h"
#include "edgefleet/hal.h"
#include "tensors.h"

#define MODELS_MAX 256u

typedef struct {
    uint8_t sha256[EF_SHA256_BYTES];
    uint32_t length;
    uint32_t arena_bytes;
    uint32_t users; /* 0: this entry is free */
    bool is_loaded; /* in the process there is now */
    ef_inference_info info;
} px_model;

typedef struct {
    const char *path; /* one of the two */
    const char *command;
    int socket;
    uint64_t crashes;
    px_tensors tensors;
    px_model models[MODELS_MAX];
} px_models;

/* A device's part in it. */
typedef struct {
    px_model *model; /* NULL for none */
    const uint8_t *bytes;
} px_loaded;

typedef enum {
    MODELS_DONE,
    MODELS_REFUSED, /* `info->error`, or the log, says why */
    MODELS_CRASHED  /* the device of this call has crashed */
} px_models_result;

/* False, and has said why, when there is no runtime. */
bool models_open(px_models *models, const char *path, const char *command);
void models_close(px_models *models);

px_models_result models_load(px_models *models, px_loaded *loaded, const uint8_t *bytes, size_t length,
                             uint32_t arena_bytes, ef_inference_info *info);
/* Where this device writes its input before it invokes: one place for all devices. NULL for what is not loaded. */
uint8_t *models_input(px_models *models, const px_loaded *loaded, size_t *bytes);
/* `output` is NULL unless it is MODELS_DONE. */
px_models_result models_invoke(px_models *models, const px_loaded *loaded, const uint8_t **output, size_t *bytes);
/* Never fails: what a crashed runtime held is gone. */
void models_unload(px_models *models, px_loaded *loaded);

#endif
