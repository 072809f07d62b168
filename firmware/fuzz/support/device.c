#include "device.h"

#include <stdlib.h>
#include <string.h>

#include "edgefleet/topic.h"
#include "ef_slots.h"
#include "envelope.h"
#include "promise.h"
#include "world.h"

static ef_agent_config config;
static fuzz_device device;
static void *memory;
static ef_scratch *scratch;
static ef_sense *sense;
static float sense_work[EF_FEATURES_WORK];

/* What is said is what the contract allows. */
static void hear(void *context, const char *topic, const uint8_t *bytes, size_t length) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    char id[EF_DEVICE_ID_MAX + 1];
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    const ef_topic *kind = ef_topic_parse(topic, strlen(topic), id);
    (void)context;
    PROMISE(kind != NULL && kind->direction == EF_DIRECTION_FROM_DEVICE);
    const ef_document *document = &ef_documents[kind->document];
    ef_reason reason = ef_contract_read(document, bytes, length, tokens, EF_JSON_TOKENS_MAX, &json, &fault);
    device.alerts += kind == &ef_topics[EF_TOPIC_DEVICE_ALERT] ? 1 : 0;
    PROMISE(reason == EF_REASON_OK);
}

fuzz_device *device_new(void) {
    static const char *const ops[] = {"CONV_2D"};
    (void)world_models();
    if (memory == NULL) {
        memory = malloc(ef_agent_size());
        scratch = malloc(ef_scratch_size());
        sense = malloc(ef_sense_size());
        PROMISE(memory != NULL && scratch != NULL && sense != NULL);
    }
    config = (ef_agent_config){
        .device_id = "esp32-0001",
        .device_class = "esp32-tflm",
        .firmware_version = "1.4.0",
        .ram_bytes = 327680,
        .slot_bytes = BOARD_SLOT_BYTES,
        .arena_bytes = BOARD_ARENA_BYTES,
        .ops = ops,
        .ops_count = 1,
        .release_keys = trusted_key(),
        .release_count = 1,
        .assignment_keys = trusted_key(),
        .assignment_count = 1,
        .scratch = scratch,
        .sense_memory = sense,
        .sense_work = sense_work,
    };
    /* What another device of the thread left there. */
    memset(scratch, 0xA5, ef_scratch_size());
    memset(&device, 0, sizeof device);
    device.board = board_new();
    device.board->serve = world_serve;
    device.board->heard = hear;
    return &device;
}

static const uint8_t *model_of(const fuzz_device *d, unsigned slot) {
    return d->board->flash.bytes + ef_model_at(slot, BOARD_SLOT_BYTES);
}

/* What runs is in flash, whole, and is what the record says. */
static void check_model(fuzz_device *d) {
    const ef_agent *agent = d->agent;
    const ef_slot *slot = &agent->slots[agent->active];
    uint8_t digest[EF_SHA256_BYTES];
    if (d->checked_at == d->board->flash.operations && d->checked_slot == agent->active) {
        return;
    }
    d->checked_at = d->board->flash.operations;
    d->checked_slot = agent->active;
    PROMISE(slot->size_bytes > 0 && slot->size_bytes <= BOARD_SLOT_BYTES);
    PROMISE(ef_sha256(model_of(d, agent->active), slot->size_bytes, digest));
    PROMISE(memcmp(digest, slot->sha256, sizeof digest) == 0);
    if (!d->tampered) {
        /* Then it came through this agent, which saw a signature. */
        const world_model *known = world_find(slot->manifest_digest);
        PROMISE(known == NULL || strcmp(known->version, slot->version) == 0);
        PROMISE(known == NULL || (known->good && signature_was_good(EF_PAYLOAD_MANIFEST, known->payload,
                                                                    known->payload_length)));
    }
}

void device_check(fuzz_device *d) {
    const ef_agent *agent = d->agent;
    PROMISE(agent->active <= EF_SLOT_NONE);
    if (agent->active != EF_SLOT_NONE) {
        check_model(d);
    }
    if (agent->loaded) {
        PROMISE(agent->active != EF_SLOT_NONE && d->board->runtime.model == model_of(d, agent->active));
    }
    PROMISE(d->tampered || (agent->command.generation >= d->generation && agent->security_floor >= d->floor &&
                            agent->keys.seen.number >= d->keys_version));
    d->generation = agent->command.generation;
    d->floor = agent->security_floor;
    d->keys_version = agent->keys.seen.number;
}

bool device_boot(fuzz_device *d) {
    board_power_down(d->board);
    d->board->flash_fails_after = d->fails_after;
    d->fails_after = 0;
    memset(memory, 0xA5, ef_agent_size());
    d->agent = NULL;
    d->checked_slot = EF_SLOT_NONE;
    if (setjmp(d->board->out) != 0) {
        return false;
    }
    d->agent = ef_agent_start(memory, ef_agent_size(), &config, &d->board->hal);
    if (d->agent == NULL) {
        return false;
    }
    device_check(d);
    ef_agent_connected(d->agent);
    return true;
}

bool device_run(fuzz_device *d, unsigned polls, uint64_t patience) {
    if (setjmp(d->board->out) != 0) {
        return false;
    }
    for (unsigned i = 0; i < polls; i++) {
        uint32_t wait = ef_agent_poll(d->agent);
        device_check(d);
        /* Coarse time: waits are long, and nobody looks. */
        d->board->now_ms += wait > 0 ? wait * 25 : 1;
        if (wait > patience) {
            break;
        }
    }
    return true;
}

bool device_hear(fuzz_device *d, const char *topic, size_t topic_length, const uint8_t *bytes, size_t length) {
    static const char desired[] = "fleet/v1/dev/esp32-0001/desired";
    static uint8_t *exact;
    free(exact); /* here, because power may fail below */
    exact = copy_exactly(bytes, length);
    if (setjmp(d->board->out) != 0) {
        return false;
    }
    ef_agent_message(d->agent, topic != NULL ? topic : desired, topic != NULL ? topic_length : sizeof desired - 1,
                     exact, length);
    device_check(d);
    return true;
}
