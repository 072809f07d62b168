/* A device and what happens to it, as the input wants: commands, streams, power cuts, worn-out flash, time. In the end
 * everything works again, and then the device runs what it is told to. */
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "envelope.h"
#include "promise.h"
#include "world.h"

enum { EVENTS_MAX = 40, POLLS = 4000, SETTLE_POLLS = 6000, REST_MS = 999, RESTARTS_MAX = 12 };

static const char *const extras[] = {
    "",
    ",\"jitterSeconds\":3",
    ",\"settings\":{\"anomalyThreshold\":0.25,\"hysteresisWindows\":3,\"role\":\"level1\"}",
    ",\"settings\":{\"samplePeriodMs\":20,\"telemetryPeriodMs\":1000,\"role\":\"level2\",\"sources\":[\"esp32-0002\",\"b\"]}",
    ",\"settings\":{\"sources\":[]},\"commission\":\"c1\"",
    ",\"jitterSeconds\":86400,\"commission\":\"c2\"",
};

static void restart(fuzz_device *device) {
    for (unsigned i = 0; i < RESTARTS_MAX && !device_boot(device); i++) {
    }
    PROMISE(device->agent != NULL);
}

static void command(fuzz_device *device, fuzz_input *input) {
    static char text[EF_DESIRED_MAX];
    unsigned which = input_byte(input) % (WORLD_MODELS + 2);
    unsigned extra = input_byte(input) % (sizeof extras / sizeof extras[0]);
    int step = (int)(input_byte(input) % 8) - 2; /* mostly newer */
    const world_model *model = which < WORLD_MODELS ? &world_models()[which] : NULL;
    if (which == WORLD_MODELS + 1) {
        size_t length = 0;
        size_t at = input_u16(input);
        size_t removed = input_byte(input);
        unsigned of = input_byte(input) % WORLD_MODELS;
        const uint8_t *bytes = input_bytes(input, 600, &length);
        model = world_invent(&world_models()[of], at, removed, bytes, length);
    }
    int64_t generation = device->agent->command.generation + step;
    size_t length = world_command(text, sizeof text, generation > 0 ? generation : 1, model, extras[extra]);
    if (!device_hear(device, NULL, 0, (const uint8_t *)text, length)) {
        restart(device);
    }
}

/* Any assignment, signed well. */
static void odd_command(fuzz_device *device, fuzz_input *input) {
    static char envelope[EF_ENVELOPE_MAX];
    static char text[EF_ENVELOPE_MAX + 128];
    size_t length = 0;
    const uint8_t *bytes = input_bytes(input, EF_ASSIGNMENT_MAX, &length);
    if (envelope_write(envelope, sizeof envelope, EF_PAYLOAD_ASSIGNMENT, bytes, length, SIGNED_WELL) > 0) {
        int written = snprintf(text, sizeof text,
                               "{\"schema\":1,\"command\":\"download-model\",\"payload\":\"\",\"assignment\":%s}", envelope);
        if (!device_hear(device, NULL, 0, (const uint8_t *)text, (size_t)written)) {
            restart(device);
        }
    }
}

static void any_message(fuzz_device *device, fuzz_input *input) {
    static const char *const topics[] = {"fleet/v1/dev/esp32-0001/desired", "fleet/v1/dev/esp32-0002/desired",
                                         "fleet/v1/keys", "fleet/v1/tele/esp32-0002", "x"};
    const char *topic = topics[input_below(input, sizeof topics / sizeof topics[0])];
    size_t length = 0;
    const uint8_t *bytes = input_bytes(input, EF_DESIRED_MAX + 1, &length);
    if (!device_hear(device, topic, strlen(topic), bytes, length)) {
        restart(device);
    }
}

/* New keys for the fleet, signed well: the ones that are trusted already, or any that the input wants. */
static void rotate(fuzz_device *device, fuzz_input *input) {
    static char envelope[EF_ENVELOPE_MAX];
    char payload[EF_KEY_BUNDLE_MAX];
    char point[96];
    size_t length = 0;
    const ef_key *key = trusted_key();
    unsigned version = input_byte(input);
    const uint8_t *bytes = input_bytes(input, sizeof payload, &length);
    (void)base64_write(key->point, EF_POINT_BYTES, point);
    if (length == 0) {
        int written = snprintf(payload, sizeof payload,
                               "{\"schema\":1,\"version\":%u,\"releaseKeys\":[{\"keyid\":\"%s\",\"publicKey\":\"%s\"}],"
                               "\"assignmentKeys\":[{\"keyid\":\"%s\",\"publicKey\":\"%s\"}]}",
                               version, key->keyid, point, key->keyid, point);
        bytes = (const uint8_t *)payload;
        length = (size_t)written;
    }
    length = envelope_write(envelope, sizeof envelope, EF_PAYLOAD_KEY_BUNDLE, bytes, length, SIGNED_WELL);
    if (length > 0 && !device_hear(device, "fleet/v1/keys", 13, (const uint8_t *)envelope, length)) {
        restart(device);
    }
}

static bool trusts(const ef_key *keys, size_t count) {
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || strcmp(keys[i].keyid, trusted_key()->keyid) == 0;
    }
    return found;
}

static void change_stream(fuzz_device *device, fuzz_input *input) {
    fuzz_board *board = device->board;
    board->manner = (stream_manner)input_below(input, STREAM_MANNERS);
    board->at_byte = input_u16(input);
    board->piece = (uint16_t)(input_byte(input) * 16);
    if (board->manner == STREAM_RAW) {
        board->raw = input_bytes(input, 2048, &board->raw_length);
    }
}

static void change_board(fuzz_device *device, fuzz_input *input) {
    fuzz_board *board = device->board;
    switch (input_byte(input) % 6) {
    case 0:
        board->broker_refuses = !board->broker_refuses;
        break;
    case 1:
        board->random_fails = !board->random_fails && device->board->flash.operations > 0;
        break;
    case 2:
        board->flash_fails_after = 1 + input_byte(input);
        break;
    case 3:
        board->flash.work = 0;
        board->flash.cut_at = 1 + input_u16(input);
        break;
    case 4:
        ef_agent_disconnected(device->agent);
        break;
    default:
        ef_agent_connected(device->agent);
    }
}

static void happen(fuzz_device *device, fuzz_input *input) {
    switch (input_byte(input) % 8) {
    case 0:
        command(device, input);
        break;
    case 1:
        rotate(device, input);
        break;
    case 2:
        odd_command(device, input);
        break;
    case 3:
        any_message(device, input);
        break;
    case 4:
        change_stream(device, input);
        break;
    case 5:
        change_board(device, input);
        break;
    case 6:
        restart(device);
        break;
    default: {
        unsigned polls = 1 + input_byte(input) * 4u;
        device->board->now_ms += input_byte(input) * 100u;
        if (!device_run(device, polls, REST_MS)) {
            restart(device);
        }
    }
    }
}

/* Until nothing is under way, on a board that works. */
static void settle(fuzz_device *device) {
    fuzz_board *board = device->board;
    board->manner = STREAM_HONEST;
    board->piece = 0;
    board->broker_refuses = false;
    board->random_fails = false;
    restart(device);
    for (unsigned i = 0; i < RESTARTS_MAX && !device_run(device, SETTLE_POLLS, REST_MS); i++) {
        restart(device);
    }
}

/* Whatever has happened: a good model that is commanded runs in the end. */
static void check_recovery(fuzz_device *device) {
    static char text[EF_DESIRED_MAX];
    const world_model *model = &world_models()[2];
    settle(device);
    const ef_agent *agent = device->agent;
    if (agent->security_floor > model->security_version || agent->command.generation == INT64_MAX ||
        !trusts(agent->keys.release_keys, agent->keys.release_count) ||
        !trusts(agent->keys.assignment_keys, agent->keys.assignment_count)) {
        return;
    }
    size_t length = world_command(text, sizeof text, agent->command.generation + 1, model, "");
    PROMISE(device_hear(device, NULL, 0, (const uint8_t *)text, length));
    settle(device);
    PROMISE(agent->update.step == EF_STEP_REST && agent->outcome.final);
    PROMISE(agent->outcome.phase == EF_PHASE_CONFIRMED && agent->loaded && agent->active != EF_SLOT_NONE);
    PROMISE(memcmp(agent->slots[agent->active].manifest_digest, model->manifest_digest, EF_SHA256_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    signatures_forget();
    fuzz_device *device = device_new();
    restart(device);
    for (unsigned i = 0; i < EVENTS_MAX && input.left > 0; i++) {
        happen(device, &input);
    }
    check_recovery(device);
    return 0;
}
