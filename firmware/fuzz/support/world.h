/* What there is to run: a few models and their manifests, signed well, and the registry that has them. */
#ifndef EDGEFLEET_FUZZ_WORLD_H
#define EDGEFLEET_FUZZ_WORLD_H

#include "board.h"

enum { WORLD_MODELS = 8 };

typedef struct {
    const char *version;
    uint32_t size;
    uint8_t bias;
    uint8_t behaviour; /* of the test runtime (tests/agent/runtime_double.c) */
    uint8_t error;     /* by how much the expected outputs are off */
    int security_version;
    const char *device_class;
    bool good; /* a device shall run it in the end */
    uint8_t *bytes;
    char sha256[65];
    char envelope[2048];
    uint32_t envelope_length;
    uint8_t payload[1280];
    uint32_t payload_length;
    uint8_t manifest_digest[EF_SHA256_BYTES];
} world_model;

/* Made once. */
const world_model *world_models(void);

/* One more, whose manifest is another's with some bytes replaced: signed well, and as odd as the input wants. It lasts
 * until the next one; its digest and size in `command` are right. */
const world_model *world_invent(const world_model *of, size_t at, size_t removed, const uint8_t *bytes, size_t length);

/* The model of a manifest digest, or NULL. The invented one is none of them. */
const world_model *world_find(const uint8_t manifest_digest[EF_SHA256_BYTES]);

/* Answers a board's request as the model registry does (fuzz_board.serve). */
void world_serve(void *board);

/* Writes a command for the one device there is; returns its length. `model` is NULL for none. `more` is JSON that goes
 * into the assignment, each member with a comma in front. */
size_t world_command(char *out, size_t capacity, int64_t generation, const world_model *model, const char *more);

#endif
