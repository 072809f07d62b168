#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "promise.h"

static world_model models[WORLD_MODELS] = {
    {.version = "1.0.0", .size = 700, .bias = 1, .security_version = 1, .good = true},
    {.version = "2.0.0", .size = BOARD_SLOT_BYTES, .bias = 2, .error = 2, .security_version = 1, .good = true},
    {.version = "3.0.0", .size = 4500, .bias = 3, .security_version = 2, .good = true},
    {.version = "4.0.0", .size = 600, .bias = 4, .error = 3, .security_version = 1},
    {.version = "5.0.0", .size = 600, .bias = 5, .behaviour = 1, .security_version = 1},
    {.version = "6.0.0", .size = 600, .bias = 6, .behaviour = 2, .security_version = 1},
    {.version = "7.0.0", .size = 600, .bias = 7, .security_version = 1, .device_class = "coral-edgetpu"},
    {.version = "8.0.0", .size = 8192, .bias = 8, .behaviour = 3, .security_version = 3},
};

static void write_hex(const uint8_t digest[EF_SHA256_BYTES], char out[65]) {
    for (size_t i = 0; i < EF_SHA256_BYTES; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

/* One golden vector: four bytes, and the two that the test runtime makes of them. */
static int write_vector(char *out, size_t capacity, const world_model *model, uint8_t first) {
    const uint8_t input[RUNTIME_INPUT_BYTES] = {first, 2, 3, 200};
    uint8_t output[RUNTIME_OUTPUT_BYTES];
    char in_text[16];
    char out_text[16];
    for (size_t i = 0; i < sizeof output; i++) {
        output[i] = (uint8_t)(input[2 * i] + input[2 * i + 1] + model->bias + model->error);
    }
    (void)base64_write(input, sizeof input, in_text);
    (void)base64_write(output, sizeof output, out_text);
    return snprintf(out, capacity, "{\"input\":\"%s\",\"output\":\"%s\"}", in_text, out_text);
}

static void seal(world_model *model) {
    PROMISE(ef_sha256(model->payload, model->payload_length, model->manifest_digest));
    model->envelope_length = (uint32_t)envelope_write(model->envelope, sizeof model->envelope, EF_PAYLOAD_MANIFEST,
                                                      model->payload, model->payload_length, SIGNED_WELL);
    PROMISE(model->envelope_length > 0);
}

static void write_manifest(world_model *model) {
    const ef_feature_schema *schema = &ef_feature_schemas[EF_SCHEMA_MOTOR_LEVEL1];
    char digits[65];
    char vectors[256];
    write_hex(schema->digest, digits);
    int used = write_vector(vectors, sizeof vectors, model, 1);
    vectors[used++] = ',';
    (void)write_vector(vectors + used, sizeof vectors - (size_t)used, model, 99);
    int length = snprintf(
        (char *)model->payload, sizeof model->payload,
        "{\"schema\":1,\"model\":\"motor-anomaly\",\"version\":\"%s\",\"securityVersion\":%d,\"deviceClass\":\"%s\","
        "\"format\":\"tflite\",\"sha256\":\"%s\",\"sizeBytes\":%u,\"arenaBytes\":%d,\"ops\":[\"CONV_2D\"],"
        "\"featureSchema\":{\"name\":\"%s\",\"digest\":\"%s\"},"
        "\"inputs\":[{\"name\":\"x\",\"shape\":[1,4],\"dtype\":\"int8\"}],"
        "\"outputs\":[{\"name\":\"y\",\"shape\":[1,2],\"dtype\":\"int8\"}],\"vectors\":[%s],\"toleranceLsb\":2,"
        "\"preflight\":{\"tool\":\"edgefleet-preflight\",\"version\":\"0.1.0\",\"passed\":true,\"evidence\":\"%s\"}}",
        model->version, model->security_version, model->device_class != NULL ? model->device_class : "esp32-tflm",
        model->sha256, model->size, BOARD_ARENA_BYTES, schema->name, digits, vectors, digits);
    PROMISE(length > 0 && (size_t)length < sizeof model->payload);
    model->payload_length = (uint32_t)length;
    seal(model);
}

static void make_model(world_model *model) {
    uint8_t digest[EF_SHA256_BYTES];
    model->bytes = malloc(model->size);
    PROMISE(model->bytes != NULL);
    for (uint32_t i = 0; i < model->size; i++) {
        model->bytes[i] = (uint8_t)(i * 31 + (i >> 7) + model->bias);
    }
    memcpy(model->bytes, "EFMODEL1", 8);
    model->bytes[8] = model->bias;
    model->bytes[9] = model->behaviour;
    PROMISE(ef_sha256(model->bytes, model->size, digest));
    write_hex(digest, model->sha256);
    write_manifest(model);
}

const world_model *world_models(void) {
    if (models[0].bytes == NULL) {
        (void)trusted_key(); /* begins PSA */
        for (size_t i = 0; i < WORLD_MODELS; i++) {
            make_model(&models[i]);
        }
    }
    return models;
}

static world_model invented;

const world_model *world_invent(const world_model *of, size_t at, size_t removed, const uint8_t *bytes, size_t length) {
    at = at < of->payload_length ? at : of->payload_length;
    removed = removed < of->payload_length - at ? removed : of->payload_length - at;
    size_t room = sizeof invented.payload - (of->payload_length - removed);
    length = length < room ? length : room;
    invented = *of;
    if (length > 0) {
        memcpy(invented.payload + at, bytes, length);
    }
    memcpy(invented.payload + at + length, of->payload + at + removed, of->payload_length - at - removed);
    invented.payload_length = (uint32_t)(of->payload_length - removed + length);
    seal(&invented);
    return &invented;
}

const world_model *world_find(const uint8_t manifest_digest[EF_SHA256_BYTES]) {
    for (size_t i = 0; i < WORLD_MODELS; i++) {
        if (memcmp(models[i].manifest_digest, manifest_digest, EF_SHA256_BYTES) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

static void serve_bytes(fuzz_board *board, const uint8_t *bytes, size_t whole) {
    char head[192];
    const char *range = strstr(board->request, "Range: bytes=");
    size_t from = range != NULL ? strtoul(range + 13, NULL, 10) : 0;
    if (from >= whole) {
        (void)snprintf(head, sizeof head, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
        from = whole;
    } else if (from > 0) {
        (void)snprintf(head, sizeof head,
                       "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu\r\nContent-Length: %zu\r\n\r\n",
                       from, whole - 1, whole, whole - from);
    } else {
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", whole);
    }
    board_say(board, head, strlen(head));
    board_say(board, bytes + from, whole - from);
    if (board->manner == STREAM_OTHER_BYTES && whole > from) {
        board->answer[strlen(head) + board->at_byte % (whole - from)] ^= 1;
    }
}

static bool serve_if_asked(fuzz_board *board, const world_model *model) {
    static const char manifests[] = "GET /v1/manifests/sha256/";
    static const char blobs[] = "GET /v1/blobs/sha256/";
    char hex[65];
    write_hex(model->manifest_digest, hex);
    if (strncmp(board->request, manifests, sizeof manifests - 1) == 0 &&
        strncmp(board->request + sizeof manifests - 1, hex, 64) == 0) {
        serve_bytes(board, (const uint8_t *)model->envelope, model->envelope_length);
        return true;
    }
    if (strncmp(board->request, blobs, sizeof blobs - 1) == 0 &&
        strncmp(board->request + sizeof blobs - 1, model->sha256, 64) == 0) {
        serve_bytes(board, model->bytes, model->size);
        return true;
    }
    return false;
}

void world_serve(void *context) {
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    fuzz_board *board = context;
    for (size_t i = 0; i < WORLD_MODELS; i++) {
        if (serve_if_asked(board, &models[i])) {
            return;
        }
    }
    if (invented.bytes != NULL && serve_if_asked(board, &invented)) {
        return;
    }
    board_say(board, missing, sizeof missing - 1);
}

size_t world_command(char *out, size_t capacity, int64_t generation, const world_model *model, const char *more) {
    char assignment[EF_ASSIGNMENT_MAX];
    static char envelope[EF_ENVELOPE_MAX];
    char hex[65];
    char digest[96] = "";
    char reference[160] = "";
    if (model != NULL) {
        write_hex(model->manifest_digest, hex);
        (void)snprintf(digest, sizeof digest, ",\"manifestDigest\":\"%s\"", hex);
        (void)snprintf(reference, sizeof reference, ",\"manifest\":{\"digest\":\"%s\",\"sizeBytes\":%u}", hex,
                       model->envelope_length);
    }
    int length = snprintf(assignment, sizeof assignment,
                          "{\"schema\":1,\"deviceID\":\"esp32-0001\",\"generation\":%lld%s%s}", (long long)generation,
                          digest, more);
    PROMISE(length > 0 && (size_t)length < sizeof assignment);
    PROMISE(envelope_write(envelope, sizeof envelope, EF_PAYLOAD_ASSIGNMENT, (const uint8_t *)assignment,
                           (size_t)length, SIGNED_WELL) > 0);
    length = snprintf(out, capacity, "{\"schema\":1,\"command\":\"download-model\",\"payload\":\"\"%s,\"assignment\":%s}",
                      reference, envelope);
    PROMISE(length > 0 && (size_t)length < capacity);
    return (size_t)length;
}
