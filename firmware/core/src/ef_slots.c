#include "ef_slots.h"

#include <string.h>

#include "ef_scratch.h"
#include "ef_unwrap.h"

bool ef_slot_store(ef_agent *agent, unsigned index, const ef_slot *slot) {
    if (!ef_journal_put(&agent->journal, EF_RECORD_SLOTS + index, slot, sizeof *slot)) {
        return false;
    }
    bool was_whole = agent->slots[index].state == EF_SLOT_VALID;
    agent->must_report = agent->must_report || was_whole != (slot->state == EF_SLOT_VALID);
    agent->slots[index] = *slot;
    return true;
}

bool ef_slot_set(ef_agent *agent, unsigned index, ef_slot_state state) {
    ef_slot slot = agent->slots[index];
    slot.state = (uint8_t)state;
    return slot.state == agent->slots[index].state || ef_slot_store(agent, index, &slot);
}

bool ef_slot_activate(ef_agent *agent, unsigned index) {
    uint32_t record = index;
    if (!ef_journal_put(&agent->journal, EF_RECORD_ACTIVE, &record, sizeof record)) {
        return false;
    }
    agent->active = index;
    agent->must_report = true;
    return true;
}

unsigned ef_slot_inactive(const ef_agent *agent) {
    return agent->active == 0 ? 1 : 0;
}

static const uint8_t *map_model(const ef_agent *agent, const ef_slot *slot, unsigned index) {
    uint32_t at = ef_model_at(index, agent->config->slot_bytes);
    return agent->hal->flash.map(agent->hal->context, at, slot->size_bytes);
}

bool ef_slot_model_holds(const ef_agent *agent, unsigned index) {
    uint8_t digest[EF_SHA256_BYTES];
    const ef_slot *slot = &agent->slots[index];
    const uint8_t *model = map_model(agent, slot, index);
    return model != NULL && ef_sha256(model, slot->size_bytes, digest) &&
           memcmp(digest, slot->sha256, sizeof digest) == 0;
}

static const uint8_t *map_manifest(const ef_agent *agent, const ef_slot *slot, unsigned index) {
    return agent->hal->flash.map(agent->hal->context, ef_manifest_at(index), slot->manifest_bytes);
}

/* The digest alone: a key that was retired since must not stop a model that runs. */
static bool manifest_holds(ef_agent *agent, unsigned index, ef_wrapped *payload) {
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    const ef_slot *slot = &agent->slots[index];
    ef_workspace workspace = ef_scratch_take(agent);
    const uint8_t *bytes = map_manifest(agent, slot, index);
    if (bytes == NULL || ef_contract_read(&ef_document_envelope, bytes, slot->manifest_bytes,
                                          workspace.tokens, workspace.capacity, &json, &fault) != EF_REASON_OK) {
        return false;
    }
    return ef_wrapped_measure(ef_json_text(&json, ef_json_member(&json, 0, "payload")), payload) &&
           payload->length <= EF_MANIFEST_MAX &&
           memcmp(payload->sha256, slot->manifest_digest, EF_SHA256_BYTES) == 0;
}

bool ef_slot_open_manifest(ef_agent *agent, unsigned index, ef_json *json) {
    ef_wrapped payload;
    ef_fault fault = {EF_REASON_OK, ""};
    if (!manifest_holds(agent, index, &payload)) {
        return false;
    }
    ef_workspace workspace = ef_scratch_take(agent);
    const uint8_t *document = ef_unwrap(agent, &payload);
    return document != NULL && ef_contract_read(&ef_document_manifest, document, payload.length, workspace.tokens,
                                                workspace.capacity, json, &fault) == EF_REASON_OK;
}

ef_reason ef_slot_read_manifest(ef_agent *agent, const ef_slot *slot, unsigned index, ef_manifest *manifest,
                                ef_fault *fault) {
    const ef_agent_config *config = agent->config;
    ef_workspace workspace = ef_scratch_take(agent);
    uint32_t at = index == EF_SLOT_NONE ? EF_INBOX_AT : ef_manifest_at(index);
    const uint8_t *bytes = agent->hal->flash.map(agent->hal->context, at, slot->manifest_bytes);
    ef_manifest_context context = {
        .release_keys = {agent->keys.release_keys, agent->keys.release_count},
        .device_class = config->device_class,
        .security_floor = agent->security_floor,
        .slot_bytes = config->slot_bytes,
        .arena_bytes = config->arena_bytes,
        .firmware = config->firmware_version,
        .ops = config->ops,
        .ops_count = config->ops_count,
        .schemas = ef_feature_schemas,
        .schemas_count = EF_FEATURE_SCHEMAS_COUNT,
        .unwrap = ef_unwrap,
        .place = agent,
    };
    memcpy(context.digest, slot->manifest_digest, EF_SHA256_BYTES);
    *fault = (ef_fault){EF_REASON_OK, ""};
    if (bytes == NULL) {
        return EF_REASON_FLASH_ERROR;
    }
    return ef_verify_manifest(bytes, slot->manifest_bytes, &context, &workspace, manifest, fault);
}

bool ef_slot_load(ef_agent *agent, const ef_slot *slot, unsigned index, ef_inference_info *info) {
    const ef_hal *hal = agent->hal;
    uint32_t arena = slot->arena_bytes < agent->config->arena_bytes ? slot->arena_bytes : agent->config->arena_bytes;
    const uint8_t *model = map_model(agent, slot, index);
    memset(info, 0, sizeof *info);
    hal->inference.unload(hal->context);
    agent->loaded = false;
    agent->tested = false;
    if (model == NULL) {
        return false;
    }
    bool good = hal->inference.load(hal->context, model, slot->size_bytes, arena, info);
    info->error[sizeof info->error - 1] = '\0';
    return good;
}

/* Everything that must hold before a slot runs again. */
static ef_reason run_slot(ef_agent *agent, unsigned index) {
    ef_inference_info info;
    ef_wrapped payload;
    if (agent->slots[index].state != EF_SLOT_VALID || !ef_slot_model_holds(agent, index) ||
        !manifest_holds(agent, index, &payload)) {
        return EF_REASON_DIGEST_MISMATCH;
    }
    if (!ef_slot_load(agent, &agent->slots[index], index, &info)) {
        return EF_REASON_MODEL_LOAD_FAILED;
    }
    agent->loaded = true;
    agent->arena_used = info.arena_used;
    return EF_REASON_OK;
}

/* What runs counts, also where flash takes no more records: a report never names a model that does not run. */
static void fall_back(ef_agent *agent, unsigned from, unsigned to) {
    (void)ef_slot_set(agent, from, EF_SLOT_FAILED);
    (void)ef_slot_activate(agent, to);
    agent->slots[from].state = EF_SLOT_FAILED;
    agent->active = to;
}

ef_reason ef_slot_run_best(ef_agent *agent) {
    unsigned first = agent->active;
    unsigned second = ef_slot_inactive(agent);
    ef_reason reason = EF_REASON_OK;
    agent->must_report = true;
    if (first != EF_SLOT_NONE) {
        reason = run_slot(agent, first);
        if (reason == EF_REASON_OK) {
            return reason;
        }
        /* What ran before the security floor rose is history: a fallback obeys the floor. */
        if (agent->slots[second].state == EF_SLOT_VALID &&
            agent->slots[second].security_version >= agent->security_floor && run_slot(agent, second) == EF_REASON_OK) {
            fall_back(agent, first, second);
            return reason;
        }
        fall_back(agent, first, EF_SLOT_NONE);
    }
    agent->hal->inference.unload(agent->hal->context);
    agent->loaded = false;
    return reason;
}
