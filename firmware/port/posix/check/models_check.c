/* The shared models of a swarm on a real runtime: `models_check COMMAND GOOD CRASHING`, two files, of which the second
 * crashes when it is run. Says what is wrong and exits 1. */
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "swarm/models.h"

#define ARENA 16384u

typedef struct {
    uint8_t bytes[65536];
    size_t length;
} model_file;

static void expect(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "models_check: not so: %s\n", what);
        exit(1);
    }
}

static void read_model(model_file *model, const char *path) {
    FILE *file = fopen(path, "re");
    expect(file != NULL, "there are two models");
    model->length = fread(model->bytes, 1, sizeof model->bytes, file);
    expect(model->length > 0 && model->length < sizeof model->bytes && fclose(file) == 0, "they can be read");
}

static unsigned count_entries(const px_models *models) {
    unsigned count = 0;
    for (size_t i = 0; i < MODELS_MAX; i++) {
        count += models->models[i].users > 0 ? 1 : 0;
    }
    return count;
}

/* The answer to one input, as a number. */
static int run(px_models *models, const px_loaded *loaded) {
    const uint8_t *output = NULL;
    size_t got = 0;
    static const uint8_t values[4] = {10, 246, 30, 200};
    uint8_t *input = models_input(models, loaded, &got);
    expect(input != NULL && got == sizeof values, "a loaded model has an input");
    memcpy(input, values, sizeof values);
    expect(models_invoke(models, loaded, &output, &got) == MODELS_DONE && got == 1, "a loaded model runs");
    return (int8_t)output[0];
}

static void check_sharing(px_models *models, const model_file *good, px_loaded devices[3]) {
    ef_inference_info infos[3];
    for (unsigned i = 0; i < 2; i++) {
        expect(models_load(models, &devices[i], good->bytes, good->length, ARENA, &infos[i]) == MODELS_DONE, "loads");
    }
    expect(count_entries(models) == 1 && memcmp(&infos[0], &infos[1], sizeof infos[0]) == 0 &&
               infos[0].input_bytes == 4 && infos[0].output_bytes == 1 && infos[0].arena_used > 500,
           "the same bytes are one model");
    expect(models_load(models, &devices[2], good->bytes, good->length, ARENA + 1024, &infos[2]) == MODELS_DONE &&
               count_entries(models) == 2,
           "in another arena they are another");
    expect(run(models, &devices[0]) == run(models, &devices[1]) && run(models, &devices[2]) == run(models, &devices[0]),
           "and answer alike");
    models_unload(models, &devices[2]);
    expect(count_entries(models) == 1, "nobody runs it any more");
    expect(models_load(models, &devices[2], good->bytes, good->length, 1500, &infos[2]) == MODELS_REFUSED &&
               strstr(infos[2].error, "Requested: ") != NULL && count_entries(models) == 1,
           "a refusal has the runtime's words");
    const uint8_t *output = NULL;
    size_t got = 1;
    expect(models_input(models, &devices[2], &got) == NULL &&
               models_invoke(models, &devices[2], &output, &got) == MODELS_REFUSED && output == NULL,
           "what is not loaded does not run");
}

static void check_crashes(px_models *models, const model_file *good, const model_file *crashing, px_loaded devices[3]) {
    px_loaded other = {NULL, NULL};
    ef_inference_info info;
    const uint8_t *output = NULL;
    size_t got = 0;
    int before = run(models, &devices[0]);
    expect(models_load(models, &other, good->bytes, good->length, ARENA + 1024, &info) == MODELS_DONE, "loads");
    expect(models_load(models, &devices[2], crashing->bytes, crashing->length, ARENA, &info) == MODELS_DONE,
           "a model that crashes when it runs can be loaded");
    expect(models_invoke(models, &devices[2], &output, &got) == MODELS_CRASHED && output == NULL &&
               models->crashes == 1,
           "it crashes for the device that runs it");
    models_unload(models, &devices[2]);
    expect(run(models, &devices[0]) == before && run(models, &devices[1]) == before &&
               run(models, &other) == before && models->crashes == 1,
           "others run on, in a new process");
    expect(shutdown(models->socket, SHUT_RDWR) == 0 && run(models, &devices[1]) == before && models->crashes == 1,
           "a process that ends between two calls is nobody's crash");
    models_unload(models, &devices[0]);
    models_unload(models, &devices[0]);
    expect(count_entries(models) == 2, "a device unloads what it has");
    models_unload(models, &devices[1]);
    models_unload(models, &other);
    expect(count_entries(models) == 0, "and the last one ends the model");
}

int main(int count, char **arguments) {
    static model_file good;
    static model_file crashing;
    static px_models models;
    px_loaded devices[3] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
    if (count != 4 || psa_crypto_init() != PSA_SUCCESS) {
        return 64;
    }
    read_model(&good, arguments[2]);
    read_model(&crashing, arguments[3]);
    expect(models_open(&models, NULL, arguments[1]), "the runtime starts");
    check_sharing(&models, &good, devices);
    check_crashes(&models, &good, &crashing, devices);
    models_close(&models);
    mbedtls_psa_crypto_free();
    return 0;
}
