#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "bench_broker.h"
#include "context.h"
#include "files.h"

enum { HOUR_MS = 3600000 };

static bool taken[EF_STEP_COUNT][EF_STEP_COUNT];

static bool hal_flash_read(void *context, uint32_t offset, void *out, size_t length) {
    return flash_read(&((bench *)context)->flash, offset, out, length);
}

static bool hal_flash_program(void *context, uint32_t offset, const void *bytes, size_t length) {
    return flash_program(&((bench *)context)->flash, offset, bytes, length);
}

static bool hal_flash_erase(void *context, uint32_t offset) {
    return flash_erase(&((bench *)context)->flash, offset);
}

static const uint8_t *hal_flash_map(void *context, uint32_t offset, size_t length) {
    return flash_map(&((bench *)context)->flash, offset, length);
}

static ef_io hal_open(void *context, ef_peer peer) {
    bench *b = context;
    b->broken += peer != EF_PEER_MODEL_REGISTRY;
    return registry_open(&b->registry);
}

static ef_io hal_read(void *context, uint8_t *out, size_t capacity, size_t *got) {
    return registry_read(&((bench *)context)->registry, out, capacity, got);
}

static ef_io hal_write(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    return registry_write(&((bench *)context)->registry, bytes, length, put);
}

static void hal_close(void *context) {
    registry_close(&((bench *)context)->registry);
}

static bool hal_load(void *context, const uint8_t *model, size_t length, uint32_t arena, ef_inference_info *info) {
    (void)arena;
    return runtime_load(&((bench *)context)->runtime, model, length, info);
}

static uint8_t *hal_input(void *context, size_t *bytes) {
    return runtime_input(&((bench *)context)->runtime, bytes);
}

static const uint8_t *hal_invoke(void *context, size_t *bytes) {
    return runtime_invoke(&((bench *)context)->runtime, bytes);
}

static void hal_unload(void *context) {
    runtime_unload(&((bench *)context)->runtime);
}

static uint64_t hal_now(void *context) {
    return ((bench *)context)->now_ms;
}

static int64_t hal_unix(void *context) {
    return ((bench *)context)->unix_ms;
}

static bool hal_random(void *context, void *out, size_t length) {
    bench *b = context;
    for (size_t i = 0; i < length; i++) {
        b->random = b->random * 1664525u + 1013904223u;
        ((uint8_t *)out)[i] = (uint8_t)(b->random >> 24);
    }
    return !b->random_fails;
}

static void hal_log(void *context, const char *text) {
    bench *b = context;
    (void)snprintf(b->logged, sizeof b->logged, "%s", text);
}

static void hal_arm(void *context, uint32_t ms) {
    bench *b = context;
    b->watchdog_ms = ms;
}

static void hal_disarm(void *context) {
    ((bench *)context)->watchdog_ms = 0;
}

static void hal_restart(void *context, const char *why) {
    (void)why;
    longjmp(((bench *)context)->out, BENCH_CRASHED);
}

static void cut_power(void *context) {
    longjmp(((bench *)context)->out, BENCH_CUT);
}

static void crash(void *context) {
    longjmp(((bench *)context)->out, BENCH_CRASHED);
}

/* For ever, if nothing ends it. */
static void hang(void *context) {
    bench *b = context;
    if (b->watchdog_ms == 0) {
        give_up("the device hangs", "runtime");
    }
    b->now_ms += b->watchdog_ms;
    longjmp(b->out, BENCH_CRASHED);
}

static void read_keys(bench *b) {
    size_t length = 0;
    char *text = (char *)file_read(b->updates, "keys.tsv", &length);
    char *lines[BENCH_KEYS + 2];
    size_t count = split_line(text, '\n', lines, BENCH_KEYS + 2);
    for (size_t i = 1; i < count && i <= BENCH_KEYS; i++) {
        uint8_t point[EF_POINT_BYTES];
        const char *hex = strchr(lines[i], '\t');
        for (size_t at = 0; hex != NULL && at < sizeof point; at++) {
            unsigned value = 0;
            (void)sscanf(hex + 1 + 2 * at, "%2x", &value);
            point[at] = (uint8_t)value;
        }
        if (hex == NULL || !ef_key_load(&b->keys[i - 1], point)) {
            give_up("not a key", lines[i]);
        }
    }
    free(text);
}

static void connect_hal(bench *b) {
    b->hal.context = b;
    b->hal.clock = (ef_hal_clock){hal_now, hal_unix};
    b->hal.random = (ef_hal_random){hal_random};
    b->hal.log = (ef_hal_log){hal_log};
    b->hal.watchdog = (ef_hal_watchdog){hal_arm, hal_disarm, hal_restart};
    b->hal.flash = (ef_hal_flash){hal_flash_read, hal_flash_program, hal_flash_erase, hal_flash_map};
    b->hal.stream = (ef_hal_stream){hal_open, hal_read, hal_write, hal_close, {"registry.test", NULL}};
    b->hal.mqtt = (ef_hal_mqtt){hal_subscribe, hal_publish, hal_unsubscribe};
    b->hal.inference = (ef_hal_inference){hal_load, hal_input, hal_invoke, hal_unload};
}

void bench_make(bench *b, const char *updates, FILE *documents) {
    static const char *const ops[] = {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX"};
    memset(b, 0, sizeof *b);
    b->updates = updates;
    b->documents = documents;
    b->random = 7;
    read_keys(b);
    connect_hal(b);
    b->config = (ef_agent_config){
        .device_id = "esp32-0001",
        .device_class = "esp32-tflm",
        .firmware_version = "1.4.0",
        .ram_bytes = 327680,
        .slot_bytes = BENCH_SLOT_BYTES,
        .arena_bytes = BENCH_ARENA_BYTES,
        .ops = ops,
        .ops_count = 3,
        .release_keys = &b->keys[0],
        .release_count = 1,
        .assignment_keys = &b->keys[1],
        .assignment_count = 1,
        .keys_version = 1,
        .scratch = malloc(ef_scratch_size()),
    };
    if (b->config.scratch == NULL) {
        give_up("no memory", "scratch");
    }
    memset(b->config.scratch, 0xA5, ef_scratch_size());
    flash_make(&b->flash, ef_agent_flash_bytes(BENCH_SLOT_BYTES));
    b->flash.power_off = cut_power;
    b->flash.context = b;
    b->registry.root = updates;
    b->registry.now_ms = &b->now_ms;
    b->runtime.crash = crash;
    b->runtime.hang = hang;
    b->runtime.context = b;
}

static void power_down(bench *b) {
    free(b->memory);
    b->watchdog_ms = 0;
    b->memory = NULL;
    b->agent = NULL;
    registry_close(&b->registry);
    runtime_unload(&b->runtime);
}

void bench_share_scratch(bench *b, bench *lender) {
    free(b->config.scratch);
    b->config.scratch = lender->config.scratch;
    b->borrows_scratch = true;
}

void bench_free(bench *b) {
    power_down(b);
    if (!b->borrows_scratch) {
        free(b->config.scratch);
    }
    flash_free(&b->flash);
}

void bench_forget(bench *b) {
    b->phases[0] = '\0';
    b->reports = 0;
}

void bench_cut_at(bench *b, uint64_t work) {
    b->flash.work = 0;
    b->flash.operations = 0;
    b->flash.cut_at = work;
}

bench_end bench_boot(bench *b) {
    power_down(b);
    bench_forget(b);
    b->said[0] = '\0';
    b->presence[0] = '\0';
    b->memory = malloc(ef_agent_size());
    if (b->memory == NULL) {
        give_up("no memory", "agent");
    }
    memset(b->memory, 0xA5, ef_agent_size());
    int end = setjmp(b->out);
    if (end != 0) {
        return (bench_end)end;
    }
    b->agent = ef_agent_start(b->memory, ef_agent_size(), &b->config, &b->hal);
    if (b->agent != NULL) {
        ef_agent_connected(b->agent);
    }
    return BENCH_RAN;
}

bool bench_took(ef_step from, ef_step to) {
    return taken[from][to];
}

static void poll_once(bench *b) {
    ef_step before = b->agent->update.step;
    uint32_t wait = ef_agent_poll(b->agent);
    taken[before][b->agent->update.step] = true;
    b->broken += b->watchdog_ms != 0; /* nobody would disarm it now */
    b->now_ms += wait > 0 ? wait : 1;
}

bench_end bench_poll(bench *b) {
    int end = setjmp(b->out);
    if (end != 0) {
        return (bench_end)end;
    }
    poll_once(b);
    return BENCH_RAN;
}

bench_end bench_run(bench *b, uint64_t ms) {
    uint64_t until = b->now_ms + ms;
    int end = setjmp(b->out);
    if (end != 0) {
        return (bench_end)end;
    }
    while (b->now_ms < until) {
        poll_once(b);
    }
    return BENCH_RAN;
}

bench_end bench_settle(bench *b) {
    uint64_t until = b->now_ms + HOUR_MS;
    int end = setjmp(b->out);
    if (end != 0) {
        return (bench_end)end;
    }
    do {
        poll_once(b);
    } while (b->now_ms < until && (b->agent->update.step != EF_STEP_REST || b->agent->must_report));
    return BENCH_RAN;
}

/* Whether a file of the registry lies in flash, byte for byte. */
static bool lies_at(const bench *b, uint32_t at, const char *folder, const char *digest, size_t *length) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, digest);
    uint8_t *file = file_read_if_there(b->updates, path, length);
    bool good = file != NULL && memcmp(file, b->flash.bytes + at, *length) == 0;
    free(file);
    return good;
}

bool bench_runs_what_it_says(bench *b) {
    char digest[80];
    char slot[8];
    size_t length = 0;
    (void)snprintf(slot, sizeof slot, "%s", bench_said(b, "active.slot"));
    (void)snprintf(digest, sizeof digest, "%s", bench_said(b, "active.digest"));
    if (slot[0] == '\0') {
        return b->runtime.model == NULL;
    }
    uint32_t at = ef_model_at(slot[0] == 'a' ? 0 : 1, b->config.slot_bytes);
    const uint8_t *flash = b->flash.bytes + at;
    /* The first model's version is "1.0.0" and its bias is 1, and so on. */
    return lies_at(b, at, "v1/blobs/sha256", digest, &length) && b->runtime.model == flash &&
           b->runtime.length == length && atoi(bench_said(b, "active.version")) == flash[8];
}

bool bench_has_what_it_says(bench *b) {
    static const char *const names[] = {"active", "previous"};
    for (size_t i = 0; i < 2; i++) {
        char path[32];
        char digests[2][80];
        char slot[8];
        size_t length = 0;
        (void)snprintf(path, sizeof path, "%s.slot", names[i]);
        (void)snprintf(slot, sizeof slot, "%s", bench_said(b, path));
        (void)snprintf(path, sizeof path, "%s.digest", names[i]);
        (void)snprintf(digests[0], sizeof digests[0], "%s", bench_said(b, path));
        (void)snprintf(path, sizeof path, "%s.manifestDigest", names[i]);
        (void)snprintf(digests[1], sizeof digests[1], "%s", bench_said(b, path));
        unsigned index = slot[0] == 'a' ? 0 : 1;
        if (slot[0] != '\0' &&
            (!lies_at(b, ef_model_at(index, b->config.slot_bytes), "v1/blobs/sha256", digests[0], &length) ||
             !lies_at(b, ef_manifest_at(index), "v1/manifests/sha256", digests[1], &length))) {
            return false;
        }
    }
    return true;
}
