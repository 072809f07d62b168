/* Other devices' telemetry, for a device that judges it: an alert is only about a source that was named, about telemetry
 * that the contract allows, and one message makes one at most. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "envelope.h"
#include "promise.h"
#include "world.h"

enum { EVENTS_MAX = 48, POLLS = 3000, REST_MS = 999, FEATURES_MAX = 24 };

static const char *const ids[] = {"esp32-0002", "b", "esp32-0003", "esp32-0001"};
static const char *const settings[] = {
    ",\"settings\":{\"anomalyThreshold\":0.25,\"role\":\"level2\",\"sources\":[\"esp32-0002\",\"b\"]}",
    ",\"settings\":{\"role\":\"level2\",\"sources\":[\"esp32-0003\"]}",
    ",\"settings\":{\"role\":\"level1\",\"sources\":[\"esp32-0002\"]}",
    ",\"settings\":{\"anomalyThreshold\":1,\"role\":\"level2\",\"sources\":[]}",
};
static unsigned chosen; /* of the settings */

static bool is_named(const char *id) {
    char quoted[72];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", id);
    return strstr(settings[chosen], "level2") != NULL && strstr(settings[chosen], quoted) != NULL;
}

static void command(fuzz_device *device, const world_model *model, unsigned which) {
    static char text[EF_DESIRED_MAX];
    size_t length = world_command(text, sizeof text, device->agent->command.generation + 1, model, settings[which]);
    chosen = which;
    PROMISE(device_hear(device, NULL, 0, (const uint8_t *)text, length));
    PROMISE(device_run(device, POLLS, REST_MS) || device_boot(device));
}

/* With a model that runs and settings that name sources; made once. */
static void begin(fuzz_device *device) {
    static uint8_t *flash;
    chosen = 0;
    if (flash != NULL) {
        memcpy(device->board->flash.bytes, flash, device->board->flash.size);
        device->tampered = true; /* what is in it was signed for another run */
        PROMISE(device_boot(device) && device->agent->loaded);
    } else {
        PROMISE(device_boot(device));
        command(device, &world_models()[0], 0);
        PROMISE(device->agent->loaded);
        flash = copy_exactly(device->board->flash.bytes, device->board->flash.size);
    }
    PROMISE(device_run(device, 50, REST_MS));
}

static bool is_telemetry_of(const char *id, const uint8_t *bytes, size_t length) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    return ef_contract_read(&ef_documents[EF_DOCUMENT_TELEMETRY], bytes, length, tokens, EF_JSON_TOKENS_MAX, &json,
                            &fault) == EF_REASON_OK &&
           ef_json_text_is(&json, ef_json_member(&json, 0, "deviceID"), id);
}

static void hear(fuzz_device *device, const char *id, const uint8_t *bytes, size_t length) {
    char topic[EF_TOPIC_NAME_MAX];
    unsigned before = device->alerts;
    int written = snprintf(topic, sizeof topic, "fleet/v1/tele/%s", id);
    if (!device_hear(device, topic, (size_t)written, bytes, length)) {
        PROMISE(device_boot(device)); /* the model took the device with it */
    }
    PROMISE(device->alerts - before <= 1);
    PROMISE(device->alerts == before || (is_named(id) && is_telemetry_of(id, bytes, length)));
}

/* Telemetry as a device says it, with numbers of the input. */
static void hear_numbers(fuzz_device *device, fuzz_input *input) {
    static const char *const odd[] = {"0", "-0.0", "1e30", "-1e38", "1e308", "-3.25", "41", "1e-40"};
    char text[1024];
    const char *id = ids[input_below(input, sizeof ids / sizeof ids[0])];
    unsigned boot = input_byte(input);
    unsigned seq = input_byte(input);
    unsigned count = input_byte(input) % FEATURES_MAX;
    int used = snprintf(text, sizeof text,
                        "{\"schema\":1,\"deviceID\":\"%s\",\"current\":1,\"temperature\":2,\"vibration\":3,\"sound\":4,"
                        "\"boot\":%u,\"seq\":%u,\"ts\":%u,\"features\":[",
                        id, boot, seq, input_u16(input) * 1000u);
    for (unsigned i = 0; i < count; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", i > 0 ? "," : "",
                         odd[input_below(input, sizeof odd / sizeof odd[0])]);
    }
    used += snprintf(text + used, sizeof text - (size_t)used, "]}");
    hear(device, id, (const uint8_t *)text, (size_t)used);
}

static void happen(fuzz_device *device, fuzz_input *input) {
    size_t length = 0;
    const uint8_t *bytes = NULL;
    switch (input_byte(input) % 6) {
    case 0: {
        const char *id = ids[input_below(input, sizeof ids / sizeof ids[0])];
        bytes = input_bytes(input, EF_TELEMETRY_MAX + 1, &length);
        hear(device, id, bytes, length);
        break;
    }
    case 1:
        command(device, &world_models()[input_below(input, 2)], input_below(input, sizeof settings / sizeof settings[0]));
        break;
    case 2: {
        /* A manifest whose tensors are otherwise. */
        const char *text = (const char *)world_models()[0].payload;
        unsigned place = input_byte(input);
        const char *tensors = strstr(text, (place & 1) != 0 ? "\"inputs\"" : "\"outputs\"");
        size_t at = (size_t)(tensors - text) + place / 2;
        size_t removed = input_byte(input);
        bytes = input_bytes(input, 200, &length);
        command(device, world_invent(&world_models()[0], at, removed, bytes, length), chosen);
        break;
    }
    case 3:
        device->board->now_ms += input_u16(input) * 16u;
        device->board->unix_ms = input_u32(input);
        PROMISE(device_run(device, 20, REST_MS));
        break;
    default:
        hear_numbers(device, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    signatures_forget();
    fuzz_device *device = device_new();
    begin(device);
    for (unsigned i = 0; i < EVENTS_MAX && input.left > 0; i++) {
        happen(device, &input);
    }
    return 0;
}
