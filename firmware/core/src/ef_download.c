/* The first half of an update: from the command to bytes in the inactive slot. */
#include <string.h>

#include "ef_report.h"
#include "ef_scratch.h"
#include "ef_slots.h"
#include "ef_update.h"

static const char manifests[] = "/v1/manifests/sha256/";
static const char blobs[] = "/v1/blobs/sha256/";

/* Pauses of 1, 2 and 4 s; then the failure is reported, and longer ones follow. */
enum { QUIET_FAILURES = 3, PAUSE_MS = 1000, PAUSE_MAX_MS = 60000 };

static uint64_t now_ms(const ef_agent *agent) {
    return agent->hal->clock.monotonic_ms(agent->hal->context);
}

/* A random number below `bound`; without randomness the middle, which is as good as any. */
static uint32_t random_below(const ef_agent *agent, uint32_t bound) {
    uint32_t random = 0;
    if (bound == 0 || !agent->hal->random.fill(agent->hal->context, &random, sizeof random)) {
        return bound / 2;
    }
    return random % bound;
}

ef_event ef_update_fail_attempt(ef_agent *agent, ef_reason reason, const char *note) {
    ef_update *update = &agent->update;
    if (reason != EF_REASON_DOWNLOAD_FAILED) {
        ef_fetch_stop(&update->fetch); /* what came is worth nothing */
    }
    agent->hal->log.write(agent->hal->context, note);
    update->fetching = false;
    update->failures++;
    update->attempts = update->failures;
    if (update->failures > QUIET_FAILURES) {
        if (reason != EF_REASON_DOWNLOAD_FAILED) {
            /* Each try costs a slot's worth of erases: not for ever. */
            ef_report_end(agent, EF_PHASE_FAILED, reason, note);
            return EF_EVENT_FAILED;
        }
        ef_report_phase(agent, EF_PHASE_FAILED, reason, note);
    }
    uint32_t doublings = update->failures - 1 < 6 ? update->failures - 1 : 6;
    uint32_t pause = (uint32_t)PAUSE_MS << doublings;
    pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    /* A fleet that lost its registry at one moment must not come back at one moment. */
    update->until_ms = now_ms(agent) + pause - pause / 4 + random_below(agent, pause / 4);
    return EF_EVENT_AGAIN;
}

static bool holds_wanted(const ef_agent *agent, unsigned index) {
    return memcmp(agent->slots[index].manifest_digest, agent->command.manifest_digest, EF_SHA256_BYTES) == 0;
}

static ef_event refuse(ef_agent *agent, ef_reason reason, const ef_fault *fault) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    ef_writer_begin(&writer, note, sizeof note);
    ef_put_text(&writer, "manifest: ");
    ef_put_text(&writer, ef_reason_names[reason]);
    ef_put_text(&writer, fault->path[0] != '\0' ? " at " : "");
    ef_put_text(&writer, fault->path);
    ef_report_end(agent, EF_PHASE_REJECTED, reason, note);
    return EF_EVENT_REFUSED;
}

/* Whether a sound manifest asks for more than this device is; anything else says that the copy is not sound. */
static bool is_of_the_device(ef_reason reason) {
    switch (reason) {
    case EF_REASON_WRONG_CLASS:
    case EF_REASON_SECURITY_VERSION_TOO_LOW:
    case EF_REASON_FIRMWARE_TOO_OLD:
    case EF_REASON_DOES_NOT_FIT:
    case EF_REASON_ARENA_TOO_SMALL:
    case EF_REASON_OP_UNSUPPORTED:
    case EF_REASON_FEATURE_SCHEMA_UNKNOWN:
        return true;
    default:
        return false;
    }
}

/* The other slot has the model: is it one that this device may run today? */
static ef_event judge_held(ef_agent *agent, unsigned index) {
    ef_fault fault;
    ef_update *update = &agent->update;
    ef_reason reason = ef_slot_read_manifest(agent, &agent->slots[index], index, &update->manifest, &fault);
    if (reason == EF_REASON_OK) {
        update->slot = agent->slots[index];
        update->held = update->slot.state == EF_SLOT_VALID;
        update->hashed = 0;
        return EF_EVENT_HELD;
    }
    if (is_of_the_device(reason)) {
        return refuse(agent, reason, &fault);
    }
    /* Rotten, or signed by a key that was retired: what the registry has now counts. */
    return EF_EVENT_NEXT;
}

ef_event ef_step_choose(ef_agent *agent) {
    ef_update *update = &agent->update;
    if (agent->command.manifest_bytes == 0 || (agent->active != EF_SLOT_NONE && holds_wanted(agent, agent->active))) {
        ef_report_end(agent, EF_PHASE_CONFIRMED, EF_REASON_OK, NULL);
        return EF_EVENT_SAME;
    }
    update->target = ef_slot_inactive(agent);
    update->held = false;
    for (unsigned i = 0; i < EF_SLOTS; i++) {
        bool whole = agent->slots[i].state == EF_SLOT_VALID || agent->slots[i].state == EF_SLOT_STAGED;
        if (i != agent->active && whole && holds_wanted(agent, i)) {
            update->target = i;
            ef_event event = judge_held(agent, i);
            if (event != EF_EVENT_NEXT) {
                return event;
            }
        }
    }
    if (agent->command.jitter_seconds > 0 && update->failures == 0) {
        update->until_ms = now_ms(agent) + random_below(agent, agent->command.jitter_seconds * 1000u);
        return EF_EVENT_LATER;
    }
    return EF_EVENT_NEXT;
}

ef_event ef_step_wait(ef_agent *agent) {
    return now_ms(agent) >= agent->update.until_ms ? EF_EVENT_NEXT : EF_EVENT_STAY;
}

ef_event ef_step_pause(ef_agent *agent) {
    if (now_ms(agent) < agent->update.until_ms) {
        return EF_EVENT_STAY;
    }
    return agent->update.judged ? EF_EVENT_RESUME : EF_EVENT_NEXT;
}

/* One step of a download; what went wrong is put in the words that `reported` carries. */
static ef_event poll_fetch(ef_agent *agent, const char *what) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    ef_fetch *fetch = &agent->update.fetch;
    ef_scratch *scratch = agent->config->scratch;
    ef_fetch_result result = ef_fetch_poll(fetch, scratch->step.bytes, sizeof scratch->step.bytes);
    if (result == EF_FETCH_WAITING || result == EF_FETCH_MOVING) {
        return result == EF_FETCH_WAITING ? EF_EVENT_STAY : EF_EVENT_MORE;
    }
    if (result == EF_FETCH_DONE) {
        return EF_EVENT_NEXT;
    }
    ef_writer_begin(&writer, note, sizeof note);
    ef_put_text(&writer, what);
    ef_put_text(&writer, ": ");
    ef_put_text(&writer, fetch->error);
    ef_reason reason = result == EF_FETCH_FLASH ? EF_REASON_FLASH_ERROR : EF_REASON_DOWNLOAD_FAILED;
    return ef_update_fail_attempt(agent, reason, note);
}

/* Whether the fetch at hand is of this area and can go on. */
static void begin_or_resume(ef_agent *agent, const char *folder, const uint8_t *digest, uint32_t size, uint32_t area) {
    ef_update *update = &agent->update;
    update->attempts = update->failures + 1;
    if (update->fetch.hal != NULL && update->fetch.area == area && update->fetch.done > 0) {
        ef_fetch_resume(&update->fetch);
    } else {
        ef_fetch_begin(&update->fetch, agent->hal, folder, digest, size, area);
    }
    update->fetching = true;
}

ef_event ef_step_manifest(ef_agent *agent) {
    ef_update *update = &agent->update;
    if (!update->fetching) {
        begin_or_resume(agent, manifests, agent->command.manifest_digest, agent->command.manifest_bytes, EF_INBOX_AT);
    }
    return poll_fetch(agent, "manifest");
}

static bool copy_manifest(ef_agent *agent, unsigned slot, uint32_t length) {
    const ef_hal *hal = agent->hal;
    uint8_t *bytes = agent->config->scratch->step.bytes;
    uint32_t to = ef_manifest_at(slot);
    for (uint32_t done = 0; done < length;) {
        uint32_t step = length - done < EF_FLASH_SECTOR ? length - done : EF_FLASH_SECTOR;
        /* Through memory: some chips cannot program from mapped flash. */
        if (!hal->flash.read(hal->context, EF_INBOX_AT + done, bytes, step) ||
            !hal->flash.erase(hal->context, to + done) ||
            !hal->flash.program(hal->context, to + done, bytes, step)) {
            return false;
        }
        done += step;
    }
    return true;
}

static bool fill_slot(ef_slot *slot, const ef_manifest *manifest) {
    const ef_json *json = &manifest->document;
    slot->state = EF_SLOT_STAGED;
    slot->size_bytes = manifest->size_bytes;
    slot->arena_bytes = manifest->arena_bytes;
    slot->security_version = manifest->security_version;
    memcpy(slot->sha256, manifest->sha256, EF_SHA256_BYTES);
    memset(slot->model, 0, sizeof slot->model);
    memset(slot->version, 0, sizeof slot->version);
    return ef_text_copy(ef_json_text(json, ef_json_member(json, 0, "model")), slot->model, sizeof slot->model) &&
           ef_text_copy(ef_json_text(json, ef_json_member(json, 0, "version")), slot->version, sizeof slot->version);
}

ef_event ef_step_judge(ef_agent *agent) {
    ef_fault fault;
    ef_update *update = &agent->update;
    ef_fetch_stop(&update->fetch);
    update->fetching = false;
    ef_reason reason = ef_slot_read_manifest(agent, &update->slot, EF_SLOT_NONE, &update->manifest, &fault);
    if (reason != EF_REASON_OK && reason != EF_REASON_FLASH_ERROR) {
        return refuse(agent, reason, &fault);
    }
    /* First the record, then the bytes: a slot that is being overwritten must not count as a model. */
    if (reason == EF_REASON_FLASH_ERROR || !fill_slot(&update->slot, &update->manifest) ||
        !ef_slot_set(agent, update->target, EF_SLOT_EMPTY) ||
        !copy_manifest(agent, update->target, update->slot.manifest_bytes)) {
        return ef_update_fail_attempt(agent, EF_REASON_FLASH_ERROR, "manifest: flash cannot be written");
    }
    update->judged = true;
    return EF_EVENT_NEXT;
}

ef_event ef_step_model(ef_agent *agent) {
    ef_update *update = &agent->update;
    uint8_t digest[EF_SHA256_BYTES];
    if (!update->fetching) {
        begin_or_resume(agent, blobs, update->slot.sha256, update->slot.size_bytes,
                        ef_model_at(update->target, agent->config->slot_bytes));
    }
    ef_event event = poll_fetch(agent, "model");
    if (event != EF_EVENT_NEXT) {
        return event;
    }
    update->fetching = false;
    if (!ef_fetch_digest(&update->fetch, digest) || memcmp(digest, update->slot.sha256, sizeof digest) != 0) {
        return ef_update_fail_attempt(agent, EF_REASON_DIGEST_MISMATCH, "model: the bytes are not the ones signed");
    }
    ef_fetch_stop(&update->fetch);
    update->hashed = 0;
    if (!ef_slot_store(agent, update->target, &update->slot)) {
        return ef_update_fail_attempt(agent, EF_REASON_FLASH_ERROR, "model: the journal cannot be written");
    }
    return EF_EVENT_NEXT;
}
