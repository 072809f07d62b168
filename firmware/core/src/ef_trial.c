/* The last part of an update: what is in flash is hashed again, run for the first time, tested, and switched to. */
#include <string.h>

#include "ef_report.h"
#include "ef_slots.h"
#include "ef_update.h"

/* For one call of the runtime, and an answer that no model of a microcontroller takes. */
enum { PATIENCE_MS = 30000 };

ef_event ef_step_rehash(ef_agent *agent) {
    ef_update *update = &agent->update;
    psa_hash_operation_t *hash = &update->fetch.hash;
    uint8_t digest[EF_SHA256_BYTES];
    size_t length = 0;
    uint32_t at = update->kind->area(agent, update->target) + update->cursor;
    uint32_t left = update->slot.size_bytes - update->cursor;
    uint32_t step = left < EF_FLASH_SECTOR ? left : EF_FLASH_SECTOR;
    const uint8_t *bytes = agent->hal->flash.map(agent->hal->context, at, step);
    bool good = bytes != NULL && (update->cursor > 0 || psa_hash_setup(hash, PSA_ALG_SHA_256) == PSA_SUCCESS) &&
                psa_hash_update(hash, bytes, step) == PSA_SUCCESS;
    update->cursor += step;
    if (good && update->cursor < update->slot.size_bytes) {
        return EF_EVENT_MORE;
    }
    good = good && psa_hash_finish(hash, digest, sizeof digest, &length) == PSA_SUCCESS &&
           memcmp(digest, update->slot.sha256, sizeof digest) == 0;
    (void)psa_hash_abort(hash);
    if (good) {
        return EF_EVENT_NEXT;
    }
    if (!ef_slot_set(agent, update->target, EF_SLOT_EMPTY) || update->judged) {
        return ef_update_fail_attempt(agent, EF_REASON_FLASH_ERROR, "model: flash holds other bytes than came");
    }
    return EF_EVENT_LOST;
}

void ef_trial_undo(ef_agent *agent, ef_slot_state state) {
    (void)ef_slot_set(agent, agent->update.target, state);
    agent->update.kind->undo(agent);
}

ef_event ef_trial_fail(ef_agent *agent, ef_reason reason, const char *note) {
    ef_trial_undo(agent, EF_SLOT_FAILED);
    ef_report_end(agent, EF_PHASE_FAILED, reason, note);
    return EF_EVENT_FAILED;
}

/* Runs what nobody has run before, or goes on with it: what hangs in there does not hang the device. */
static ef_event guard(ef_agent *agent, ef_event (*run)(ef_agent *agent)) {
    const ef_hal *hal = agent->hal;
    hal->watchdog.arm(hal->context, PATIENCE_MS);
    ef_event event = run(agent);
    hal->watchdog.disarm(hal->context);
    return event;
}

ef_event ef_step_probe(ef_agent *agent) {
    /* From here on, whoever boots and finds this crashed while testing. */
    if (!ef_slot_set(agent, agent->update.target, EF_SLOT_TRYING)) {
        ef_report_end(agent, EF_PHASE_FAILED, EF_REASON_FLASH_ERROR, "the journal cannot be written");
        return EF_EVENT_FAILED;
    }
    return guard(agent, agent->update.kind->probe);
}

ef_event ef_step_check(ef_agent *agent) {
    return guard(agent, agent->update.kind->check);
}

ef_event ef_step_commit(ef_agent *agent) {
    if (!agent->update.kind->commit(agent)) {
        return ef_trial_fail(agent, EF_REASON_FLASH_ERROR, "the journal cannot be written");
    }
    ef_report_end(agent, EF_PHASE_CONFIRMED, EF_REASON_OK, NULL);
    return EF_EVENT_NEXT;
}
