/* The first part of an update: from the command to a manifest that was accepted. */
#include <string.h>

#include "ef_report.h"
#include "ef_scratch.h"
#include "ef_slots.h"
#include "ef_update.h"

static const char manifests[] = "/v1/manifests/sha256/";

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
    uint32_t asked = update->fetch.retry_ms;
    if (reason != EF_REASON_DOWNLOAD_FAILED) {
        ef_fetch_stop(&update->fetch); /* what came is worth nothing */
        update->filling = false;
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
    uint32_t spread = random_below(agent, pause / 4);
    uint32_t own = pause - pause / 4 + spread;
    update->until_ms = now_ms(agent) + (asked > pause ? asked + spread : own);
    return EF_EVENT_AGAIN;
}

static bool holds_wanted(const ef_agent *agent, unsigned index) {
    return memcmp(agent->slots[index].manifest_digest, agent->command.manifest_digest, EF_SHA256_BYTES) == 0;
}

static void say_fault(char note[EF_NOTE_MAX], ef_reason reason, const ef_fault *fault) {
    ef_writer writer;
    ef_writer_begin(&writer, note, EF_NOTE_MAX);
    ef_put_text(&writer, "manifest: ");
    ef_put_text(&writer, ef_reason_names[reason]);
    ef_put_text(&writer, fault->path[0] != '\0' ? " at " : "");
    ef_put_text(&writer, fault->path);
}

static ef_event refuse(ef_agent *agent, ef_reason reason, const ef_fault *fault) {
    char note[EF_NOTE_MAX];
    say_fault(note, reason, fault);
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
    update->slot = agent->slots[index];
    ef_reason reason = update->kind->judge(agent, index, &update->slot, &fault);
    /* Judging fills in what the manifest says: a record that said otherwise is not what was installed. */
    bool agrees = memcmp(&update->slot, &agent->slots[index], sizeof update->slot) == 0;
    if (reason == EF_REASON_OK && agrees) {
        update->held = update->slot.state == EF_SLOT_VALID;
        update->partly = update->slot.state == EF_SLOT_FILLING;
        return update->partly ? EF_EVENT_PARTLY : EF_EVENT_HELD;
    }
    if (is_of_the_device(reason)) {
        return refuse(agent, reason, &fault);
    }
    /* Rotten, or signed by a key that was retired: what the registry has now counts. */
    update->slot = (ef_slot){.manifest_bytes = agent->command.manifest_bytes};
    memcpy(update->slot.manifest_digest, agent->command.manifest_digest, EF_SHA256_BYTES);
    return EF_EVENT_NEXT;
}

/* Whether a slot has the bytes that the command wants, or some of them. */
static bool is_of_use(const ef_slot *slot) {
    return slot->state == EF_SLOT_VALID || slot->state == EF_SLOT_STAGED || slot->state == EF_SLOT_FILLING;
}

ef_event ef_step_choose(ef_agent *agent) {
    ef_update *update = &agent->update;
    ef_event event = EF_EVENT_NEXT;
    if (agent->command.manifest_bytes == 0 || (agent->active != EF_SLOT_NONE && holds_wanted(agent, agent->active))) {
        ef_report_end(agent, EF_PHASE_CONFIRMED, EF_REASON_OK, NULL);
        return EF_EVENT_SAME;
    }
    update->target = ef_slot_inactive(agent);
    update->held = false;
    update->partly = false;
    for (unsigned i = 0; i < EF_SLOTS && event == EF_EVENT_NEXT; i++) {
        if (i != agent->active && is_of_use(&agent->slots[i]) && holds_wanted(agent, i)) {
            update->target = i;
            event = judge_held(agent, i);
        }
    }
    if (event != EF_EVENT_NEXT && event != EF_EVENT_PARTLY) {
        return event;
    }
    if (agent->command.jitter_seconds > 0 && update->failures == 0) {
        /* Also for what is missing of a download: a fleet that lost power comes back at one moment. */
        update->until_ms = now_ms(agent) + random_below(agent, agent->command.jitter_seconds * 1000u);
        return EF_EVENT_LATER;
    }
    return event;
}

ef_event ef_step_wait(ef_agent *agent) {
    if (now_ms(agent) < agent->update.until_ms) {
        return EF_EVENT_STAY;
    }
    return agent->update.partly ? EF_EVENT_RESUME : EF_EVENT_NEXT;
}

ef_event ef_step_pause(ef_agent *agent) {
    if (now_ms(agent) < agent->update.until_ms) {
        return EF_EVENT_STAY;
    }
    if (!agent->update.judged) {
        return EF_EVENT_NEXT;
    }
    return agent->update.filling ? EF_EVENT_RESUME : EF_EVENT_OVER;
}

ef_event ef_update_poll_fetch(ef_agent *agent, const char *what) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    ef_fetch *fetch = &agent->update.fetch;
    ef_scratch *scratch = agent->config->scratch;
    ef_fetch_result result = ef_fetch_poll(fetch, scratch->bytes, sizeof scratch->bytes);
    if (result == EF_FETCH_WAITING || result == EF_FETCH_MOVING) {
        return result == EF_FETCH_WAITING ? EF_EVENT_STAY : EF_EVENT_MORE;
    }
    if (result == EF_FETCH_DONE) {
        agent->update.fetching = false;
        return EF_EVENT_NEXT;
    }
    ef_writer_begin(&writer, note, sizeof note);
    ef_put_text(&writer, what);
    ef_put_text(&writer, ": ");
    ef_put_text(&writer, fetch->error);
    ef_reason reason = result == EF_FETCH_FLASH ? EF_REASON_FLASH_ERROR : EF_REASON_DOWNLOAD_FAILED;
    return ef_update_fail_attempt(agent, reason, note);
}

bool ef_update_is_erased(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0xFF) {
            return false;
        }
    }
    return true;
}

static uint32_t whole_sectors(uint32_t length) {
    return (length + EF_FLASH_SECTOR - 1) / EF_FLASH_SECTOR * EF_FLASH_SECTOR;
}

/* Bytes of the inbox to erase first: none where the last manifest was accepted and taken out of it. */
static uint32_t dirt_of_inbox(const ef_agent *agent, uint32_t length) {
    const uint8_t *inbox = agent->hal->flash.map(agent->hal->context, EF_INBOX_AT, whole_sectors(length));
    return inbox != NULL && ef_update_is_erased(inbox, whole_sectors(length)) ? 0 : length;
}

static bool empty_inbox(const ef_agent *agent, uint32_t length) {
    bool good = true;
    for (uint32_t at = 0; at < length && good; at += EF_FLASH_SECTOR) {
        good = agent->hal->flash.erase(agent->hal->context, EF_INBOX_AT + at);
    }
    return good;
}

ef_event ef_step_manifest(ef_agent *agent) {
    ef_update *update = &agent->update;
    const ef_command_record *command = &agent->command;
    if (!update->fetching) {
        if (update->fetch.done == 0) {
            const ef_fetch_order order = {manifests, command->manifest_digest, command->manifest_bytes, EF_INBOX_AT,
                                          dirt_of_inbox(agent, command->manifest_bytes)};
            ef_fetch_prepare(&update->fetch, agent->hal, &order);
        }
        update->attempts = update->failures + 1;
        ef_fetch_connect(&update->fetch);
        update->fetching = true;
    }
    return ef_update_poll_fetch(agent, "manifest");
}

static bool copy_manifest(ef_agent *agent, unsigned slot, uint32_t length) {
    const ef_hal *hal = agent->hal;
    uint8_t *bytes = agent->config->scratch->bytes;
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

ef_event ef_step_judge(ef_agent *agent) {
    ef_fault fault;
    ef_update *update = &agent->update;
    ef_fetch_stop(&update->fetch);
    ef_reason reason = update->kind->judge(agent, EF_SLOT_NONE, &update->slot, &fault);
    if (reason != EF_REASON_OK && reason != EF_REASON_FLASH_ERROR) {
        /* A copy that was spoiled on its way is a failed download; one that is as bad each time is what there is. */
        if (is_of_the_device(reason) || update->failures >= QUIET_FAILURES) {
            return refuse(agent, reason, &fault);
        }
        char note[EF_NOTE_MAX];
        say_fault(note, reason, &fault);
        return ef_update_fail_attempt(agent, reason, note);
    }
    /* First the record, then the bytes: a slot that is being overwritten must not count as a model. */
    if (reason == EF_REASON_FLASH_ERROR || !ef_slot_set(agent, update->target, EF_SLOT_EMPTY) ||
        !copy_manifest(agent, update->target, update->slot.manifest_bytes) ||
        !empty_inbox(agent, update->slot.manifest_bytes)) {
        return ef_update_fail_attempt(agent, EF_REASON_FLASH_ERROR, "manifest: flash cannot be written");
    }
    update->judged = true;
    return EF_EVENT_NEXT;
}
