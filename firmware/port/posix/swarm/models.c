#include "swarm/models.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "runtime.h"

bool models_open(px_models *models, const char *path, const char *command) {
    memset(models, 0, sizeof *models);
    models->path = path;
    models->command = command;
    models->socket = runtime_open(path, command);
    return models->socket >= 0;
}

static void forget_process(px_models *models) {
    if (models->socket >= 0) {
        close(models->socket);
    }
    models->socket = -1;
    for (size_t i = 0; i < MODELS_MAX; i++) {
        models->models[i].is_loaded = false;
    }
}

void models_close(px_models *models) {
    forget_process(models);
    tensors_free(&models->tensors);
}

/* A process that ended between two calls was nobody's crash. */
static bool has_process(px_models *models) {
    uint8_t byte;
    if (models->socket >= 0 && recv(models->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        say(LEVEL_WARNING, "inference: the model runtime ended");
        forget_process(models);
    }
    return models->socket >= 0;
}

static void start_process(px_models *models) {
    models->socket = runtime_open(models->path, models->command);
    if (models->socket < 0) {
        panic("no model runtime");
    }
}

/* One question to the process there is. */
static runtime_result ask(px_models *models, uint8_t op, const px_model *model, const runtime_piece *rest, size_t count,
                          void *out, size_t capacity, size_t *length) {
    uint8_t number[4];
    runtime_piece pieces[3] = {{number, sizeof number}};
    runtime_put_u32(number, (uint32_t)(model - models->models));
    for (size_t i = 0; i < count; i++) {
        pieces[i + 1] = rest[i];
    }
    runtime_result result = runtime_ask(models->socket, op, pieces, count + 1, out, capacity, length);
    if (result != RUNTIME_DONE && result != RUNTIME_REFUSED) {
        say(LEVEL_WARNING, "inference: %s", runtime_explain(result));
        models->crashes++;
        forget_process(models);
    }
    return result;
}

/* Loads a model into the process there is; its entry then says what came of it. */
static px_models_result load(px_models *models, px_model *model, const uint8_t *bytes) {
    uint8_t arena[4];
    uint8_t out[EF_INFERENCE_ERROR_MAX];
    size_t got = 0;
    runtime_piece pieces[] = {{arena, sizeof arena}, {bytes, model->length}};
    ef_inference_info *info = &model->info;
    memset(info, 0, sizeof *info);
    runtime_put_u32(arena, model->arena_bytes);
    runtime_result result = ask(models, RUNTIME_LOAD_NUMBERED, model, pieces, 2, out, sizeof out, &got);
    if (result == RUNTIME_REFUSED) {
        runtime_copy_text(info->error, sizeof info->error, out, got < sizeof out ? got : sizeof out);
        return MODELS_REFUSED;
    }
    if (result != RUNTIME_DONE || got != RUNTIME_LOADED_BYTES) {
        return MODELS_CRASHED;
    }
    info->arena_used = runtime_get_u32(out);
    info->input_bytes = runtime_get_u32(out + 4);
    info->output_bytes = runtime_get_u32(out + 8);
    model->is_loaded = true;
    return MODELS_DONE;
}

static px_models_result ensure_loaded(px_models *models, px_model *model, const uint8_t *bytes) {
    if (has_process(models) && model->is_loaded) {
        return MODELS_DONE;
    }
    if (models->socket < 0) {
        start_process(models);
    }
    return load(models, model, bytes);
}

/* The entry of these bytes, a free one, or NULL. */
static px_model *find_entry(px_models *models, const uint8_t sha256[EF_SHA256_BYTES], uint32_t arena_bytes) {
    px_model *free_one = NULL;
    for (size_t i = 0; i < MODELS_MAX; i++) {
        px_model *each = &models->models[i];
        if (each->users == 0) {
            free_one = free_one != NULL ? free_one : each;
        } else if (each->arena_bytes == arena_bytes && memcmp(each->sha256, sha256, EF_SHA256_BYTES) == 0) {
            return each;
        }
    }
    return free_one;
}

px_models_result models_load(px_models *models, px_loaded *loaded, const uint8_t *bytes, size_t length,
                             uint32_t arena_bytes, ef_inference_info *info) {
    uint8_t sha256[EF_SHA256_BYTES];
    models_unload(models, loaded);
    memset(info, 0, sizeof *info);
    px_model *model = ef_sha256(bytes, length, sha256) ? find_entry(models, sha256, arena_bytes) : NULL;
    if (model == NULL) {
        strcpy(info->error, "load: the swarm runs too many models");
        return MODELS_REFUSED;
    }
    if (model->users == 0) {
        *model = (px_model){.length = (uint32_t)length, .arena_bytes = arena_bytes};
        memcpy(model->sha256, sha256, sizeof sha256);
    }
    px_models_result result = ensure_loaded(models, model, bytes);
    if (result != MODELS_DONE) {
        *info = model->info;
        return result;
    }
    model->users++;
    *loaded = (px_loaded){model, bytes};
    *info = model->info;
    return MODELS_DONE;
}

uint8_t *models_input(px_models *models, const px_loaded *loaded, size_t *bytes) {
    *bytes = loaded->model != NULL ? loaded->model->info.input_bytes : 0;
    return *bytes > 0 ? tensors_reserve(&models->tensors, *bytes, loaded->model->info.output_bytes) : NULL;
}

px_models_result models_invoke(px_models *models, const px_loaded *loaded, const uint8_t **output, size_t *bytes) {
    runtime_piece piece = {NULL, 0};
    *output = NULL;
    uint8_t *input = models_input(models, loaded, &piece.length);
    if (input == NULL) {
        return MODELS_REFUSED;
    }
    piece.bytes = input;
    px_models_result ready = ensure_loaded(models, loaded->model, loaded->bytes);
    if (ready != MODELS_DONE) {
        return ready;
    }
    size_t capacity = loaded->model->info.output_bytes;
    runtime_result result = ask(models, RUNTIME_RUN_NUMBERED, loaded->model, &piece, 1, input + piece.length, capacity, bytes);
    if (result == RUNTIME_REFUSED || (result == RUNTIME_DONE && *bytes > capacity)) {
        say(LEVEL_WARNING, "inference: a run was refused");
        return MODELS_REFUSED;
    }
    *output = result == RUNTIME_DONE ? input + piece.length : NULL;
    return result == RUNTIME_DONE ? MODELS_DONE : MODELS_CRASHED;
}

void models_unload(px_models *models, px_loaded *loaded) {
    size_t length = 0;
    px_model *model = loaded->model;
    *loaded = (px_loaded){NULL, NULL};
    if (model == NULL || --model->users > 0 || !has_process(models) || !model->is_loaded) {
        return;
    }
    model->is_loaded = false;
    (void)ask(models, RUNTIME_UNLOAD_NUMBERED, model, NULL, 0, NULL, 0, &length);
}
