/* The second part of an update: the bytes that an accepted manifest names, from the registry into the slot's flash.
 *
 * The sectors are erased before the first byte, and the slot is FILLING from then on. So after a restart flash itself
 * says how far the download came, and nothing had to be written down on the way. */
#include <string.h>

#include "ef_report.h"
#include "ef_slots.h"
#include "ef_update.h"

static uint32_t area_of(const ef_agent *agent) {
    return agent->update.kind->area(agent, agent->update.target);
}

static void prepare(ef_agent *agent, uint32_t dirty) {
    ef_update *update = &agent->update;
    const ef_fetch_order order = {update->kind->folder, update->slot.sha256, update->slot.size_bytes, area_of(agent),
                                  dirty};
    ef_fetch_prepare(&update->fetch, agent->hal, &order);
    update->filling = true;
}

static bool mark_filling(ef_agent *agent) {
    ef_slot slot = agent->update.slot;
    slot.state = EF_SLOT_FILLING;
    return ef_slot_store(agent, agent->update.target, &slot);
}

/* A sector a poll. */
ef_event ef_step_erase(ef_agent *agent) {
    ef_update *update = &agent->update;
    const ef_hal *hal = agent->hal;
    bool good = true;
    if (update->cursor == 0) {
        ef_fetch_stop(&update->fetch);
        update->filling = false;
        good = ef_slot_set(agent, update->target, EF_SLOT_EMPTY);
    }
    good = good && hal->flash.erase(hal->context, area_of(agent) + update->cursor);
    update->cursor += EF_FLASH_SECTOR;
    if (good && update->cursor < update->slot.size_bytes) {
        return EF_EVENT_MORE;
    }
    if (!good || !mark_filling(agent)) {
        return ef_update_fail_attempt(agent, EF_REASON_FLASH_ERROR, "model: flash cannot be erased");
    }
    prepare(agent, 0);
    return EF_EVENT_NEXT;
}

/* Looks at the sectors from the last one down. Bytes came in order: all before the last that has any is whole, and that
 * one is begun again, because nobody knows whether its last bytes got there. */
static ef_event find_end(ef_agent *agent) {
    ef_update *update = &agent->update;
    const ef_hal *hal = agent->hal;
    if (update->cursor == 0) {
        update->cursor = (update->slot.size_bytes + EF_FLASH_SECTOR - 1) / EF_FLASH_SECTOR * EF_FLASH_SECTOR;
    }
    update->cursor -= EF_FLASH_SECTOR;
    const uint8_t *sector = hal->flash.map(hal->context, area_of(agent) + update->cursor, EF_FLASH_SECTOR);
    if (sector == NULL) {
        return EF_EVENT_OVER;
    }
    bool erased = ef_update_is_erased(sector, EF_FLASH_SECTOR);
    if (!erased || update->cursor == 0) {
        prepare(agent, erased ? 0 : update->cursor + EF_FLASH_SECTOR);
    }
    return EF_EVENT_MORE;
}

/* A sector a poll. That they are the right bytes shows in the end, in the digest. */
ef_event ef_step_recall(ef_agent *agent) {
    ef_update *update = &agent->update;
    update->judged = true;
    if (!update->filling) {
        return find_end(agent);
    }
    if (update->fetch.done == update->cursor) {
        return EF_EVENT_NEXT;
    }
    return ef_fetch_recall(&update->fetch) ? EF_EVENT_MORE : EF_EVENT_OVER;
}

ef_event ef_step_fill(ef_agent *agent) {
    ef_update *update = &agent->update;
    uint8_t digest[EF_SHA256_BYTES];
    if (!update->fetching) {
        update->attempts = update->failures + 1;
        ef_fetch_connect(&update->fetch);
        update->fetching = true;
    }
    ef_event event = ef_update_poll_fetch(agent, update->kind->noun);
    if (event != EF_EVENT_NEXT) {
        return event;
    }
    if (!ef_fetch_digest(&update->fetch, digest) || memcmp(digest, update->slot.sha256, sizeof digest) != 0) {
        return ef_update_fail_attempt(agent, EF_REASON_DIGEST_MISMATCH, "model: the bytes are not the ones signed");
    }
    ef_fetch_stop(&update->fetch);
    update->slot.state = EF_SLOT_STAGED;
    if (!ef_slot_store(agent, update->target, &update->slot)) {
        return ef_update_fail_attempt(agent, EF_REASON_FLASH_ERROR, "model: the journal cannot be written");
    }
    return EF_EVENT_NEXT;
}
