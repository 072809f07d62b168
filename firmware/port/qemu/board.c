#include "board.h"

#include <string.h>

#include "console.h"
#include "edgefleet/json.h"

enum { QUIET_MS = 3000, HOUR_MS = 3600000 };
enum { MODELS_AT = 0x10000, MODEL_MAX = 20480, AGENT_MAX = 16384, SCRATCH_MAX = 32768 };

/* As a device has it: one agent, one scratch. */
static _Alignas(16) uint8_t agent_memory[AGENT_MAX];
static _Alignas(16) uint8_t scratch_memory[SCRATCH_MAX];

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 24;
}

static bool flash_read(void *context, uint32_t offset, void *out, size_t length) {
    return nor_read(&((board *)context)->flash, offset, out, length);
}

static bool flash_program(void *context, uint32_t offset, const void *bytes, size_t length) {
    return nor_program(&((board *)context)->flash, offset, bytes, length);
}

static bool flash_erase(void *context, uint32_t offset) {
    return nor_erase(&((board *)context)->flash, offset);
}

static const uint8_t *flash_map(void *context, uint32_t offset, size_t length) {
    return nor_map(&((board *)context)->flash, offset, length);
}

static ef_io stream_open(void *context, ef_peer peer) {
    return peer == EF_PEER_MODEL_REGISTRY ? registry_open(&((board *)context)->server) : EF_IO_FAILED;
}

static ef_io stream_read(void *context, uint8_t *out, size_t capacity, size_t *got) {
    return registry_read(&((board *)context)->server, out, capacity, got);
}

static ef_io stream_write(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    return registry_write(&((board *)context)->server, bytes, length, put);
}

static void stream_close(void *context) {
    (void)context;
}

static bool mqtt_subscribe(void *context, const char *topic, int qos) {
    (void)context;
    (void)topic;
    return qos == 1;
}

static bool mqtt_unsubscribe(void *context, const char *topic) {
    (void)context;
    (void)topic;
    return true;
}

static bool mqtt_publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    board *b = context;
    const char *kind = strrchr(topic, '/');
    if (kind != NULL && strcmp(kind, "/reported") == 0 && qos == 1 && retain && length <= sizeof b->said) {
        memcpy(b->said, bytes, length);
        b->said_length = length;
        b->reported = true;
        b->reports++;
    }
    return true;
}

static uint64_t clock_monotonic(void *context) {
    return ((board *)context)->now_ms;
}

static int64_t clock_unix(void *context) {
    (void)context;
    return 0; /* nobody has told the time */
}

static bool random_fill(void *context, void *out, size_t length) {
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)out)[i] = (uint8_t)next_random(&((board *)context)->random);
    }
    return true;
}

static void log_write(void *context, const char *text) {
    (void)context;
    (void)text;
}

static void watchdog_arm(void *context, uint32_t ms) {
    (void)context;
    (void)ms; /* the runtime of the tests crashes at once or answers at once */
}

static void watchdog_disarm(void *context) {
    (void)context;
}

static void watchdog_restart(void *context, const char *why) {
    (void)why;
    longjmp(((board *)context)->out, BOARD_CRASHED);
}

static bool inference_load(void *context, const uint8_t *model, size_t length, uint32_t arena,
                           ef_inference_info *info) {
    (void)arena;
    return runtime_load(&((board *)context)->runtime, model, length, info);
}

static uint8_t *inference_input(void *context, size_t *bytes) {
    return runtime_input(&((board *)context)->runtime, bytes);
}

static const uint8_t *inference_invoke(void *context, size_t *bytes) {
    return runtime_invoke(&((board *)context)->runtime, bytes);
}

static void inference_unload(void *context) {
    runtime_unload(&((board *)context)->runtime);
}

static void power_off(void *context) {
    longjmp(((board *)context)->out, BOARD_CUT);
}

static void crash(void *context) {
    longjmp(((board *)context)->out, BOARD_CRASHED);
}

static const ef_hal hal = {
    .clock = {clock_monotonic, clock_unix},
    .random = {random_fill},
    .log = {log_write},
    .watchdog = {watchdog_arm, watchdog_disarm, watchdog_restart},
    .flash = {flash_read, flash_program, flash_erase, flash_map},
    .stream = {stream_open, stream_read, stream_write, stream_close, {"registry.test", NULL}},
    .mqtt = {mqtt_subscribe, mqtt_publish, mqtt_unsubscribe},
    .inference = {inference_load, inference_input, inference_invoke, inference_unload},
};

static int hex_value(char c) {
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* keys.tsv: a heading, then a role and a point in hexadecimal a line. */
static bool read_keys(ef_key keys[2]) {
    static char text[2048];
    size_t length = read_file("keys.tsv", (uint8_t *)text, sizeof text - 1);
    const char *at = text;
    text[length] = '\0';
    for (unsigned key = 0; key < 2; key++) {
        uint8_t point[EF_POINT_BYTES];
        at = strchr(at, '\n');
        at = at != NULL ? strchr(at, '\t') : NULL;
        if (at == NULL || strlen(at) <= 2 * sizeof point) {
            return false;
        }
        at++;
        for (size_t i = 0; i < sizeof point; i++, at += 2) {
            point[i] = (uint8_t)(hex_value(at[0]) * 16 + hex_value(at[1]));
        }
        if (!ef_key_load(&keys[key], point)) {
            return false;
        }
    }
    return true;
}

bool board_make(board *b) {
    static const char *const ops[] = {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX"};
    memset(b, 0, sizeof *b);
    nor_make(&b->flash);
    b->flash.power_off = power_off;
    b->flash.context = b;
    b->runtime.crash = crash;
    b->runtime.context = b;
    b->random = 42;
    b->hal = hal;
    b->hal.context = b;
    b->config = (ef_agent_config){
        .device_id = "esp32-0001",
        .device_class = "esp32-tflm",
        .firmware_version = "1.4.0",
        .ram_bytes = 327680,
        .slot_bytes = BOARD_SLOT_BYTES,
        .arena_bytes = BOARD_ARENA_BYTES,
        .ops = ops,
        .ops_count = 3,
        .release_keys = &b->keys[0],
        .release_count = 1,
        .assignment_keys = &b->keys[1],
        .assignment_count = 1,
        .scratch = (ef_scratch *)scratch_memory,
    };
    return ef_agent_size() <= sizeof agent_memory && ef_scratch_size() <= sizeof scratch_memory &&
           ef_agent_flash_bytes(BOARD_SLOT_BYTES) <= sizeof b->flash.bytes && read_keys(b->keys);
}

/* Polls until the device asks for nothing more than patience. */
static board_end settle(board *b) {
    uint64_t until = b->now_ms + HOUR_MS;
    uint64_t quiet = b->now_ms;
    while (b->now_ms < until && b->now_ms - quiet < QUIET_MS) {
        uint32_t reports = b->reports;
        uint32_t wait = ef_agent_poll(b->agent);
        b->now_ms += wait > 0 ? wait : 1;
        quiet = wait < 1000 || reports != b->reports ? b->now_ms : quiet;
    }
    return BOARD_RAN;
}

board_end board_boot(board *b) {
    memset(agent_memory, 0xA5, sizeof agent_memory);
    memset(scratch_memory, 0xA5, sizeof scratch_memory);
    runtime_unload(&b->runtime);
    b->said_length = 0;
    b->agent = NULL;
    int end = setjmp(b->out);
    if (end != 0) {
        return (board_end)end;
    }
    b->agent = ef_agent_start(agent_memory, sizeof agent_memory, &b->config, &b->hal);
    if (b->agent == NULL) {
        return BOARD_CRASHED;
    }
    ef_agent_connected(b->agent);
    (void)ef_agent_poll(b->agent);
    return BOARD_RAN;
}

board_end board_obey(board *b, const char *order) {
    static const char topic[] = "fleet/v1/dev/esp32-0001/desired";
    static uint8_t message[EF_DESIRED_MAX];
    char path[64] = "desired/";
    strcat(path, order);
    strcat(path, ".json");
    size_t length = read_file(path, message, sizeof message);
    b->reported = false;
    int end = setjmp(b->out);
    if (end != 0) {
        return (board_end)end;
    }
    ef_agent_message(b->agent, topic, sizeof topic - 1, message, length);
    return settle(b);
}

board_end board_play(board *b, const char *order) {
    board_end end = order != NULL ? board_obey(b, order) : board_boot(b);
    if (end == BOARD_CRASHED) {
        end = board_boot(b);
    }
    int out = setjmp(b->out);
    if (out != 0) {
        return (board_end)out;
    }
    return end == BOARD_RAN ? settle(b) : end;
}

const char *board_said(const board *b, const char *path) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    static char text[EF_MESSAGE_MAX + 1];
    ef_json json;
    uint16_t token = 0;
    text[0] = '\0';
    if (ef_json_parse(b->said, b->said_length, tokens, EF_JSON_TOKENS_MAX, &json) != EF_REASON_OK) {
        return text;
    }
    while (*path != '\0') {
        char name[32] = "";
        size_t length = strcspn(path, ".");
        strncat(name, path, length);
        path += length + (path[length] == '.' ? 1 : 0);
        token = tokens[token].type == EF_JSON_OBJECT ? ef_json_member(&json, token, name) : EF_JSON_NONE;
        if (token == EF_JSON_NONE) {
            return text;
        }
    }
    size_t length = tokens[token].end - tokens[token].start;
    memcpy(text, b->said + tokens[token].start, length < sizeof text ? length : sizeof text - 1);
    text[length < sizeof text ? length : sizeof text - 1] = '\0';
    return text;
}

bool board_runs_what_it_says(const board *b) {
    static uint8_t model[MODEL_MAX];
    char path[96] = "v1/blobs/sha256/";
    const char *slot = board_said(b, "active.slot");
    if (slot[0] == '\0') {
        return b->runtime.model == NULL;
    }
    const uint8_t *flash = b->flash.bytes + MODELS_AT + (slot[0] == 'a' ? 0 : BOARD_SLOT_BYTES);
    strcat(path, board_said(b, "active.digest"));
    size_t length = read_file(path, model, sizeof model);
    return length > 0 && memcmp(model, flash, length) == 0 && b->runtime.model == flash && b->runtime.length == length;
}
