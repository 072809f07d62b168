/* The two model slots: what they hold, whether it still holds, and which of them runs. */
#ifndef EDGEFLEET_EF_SLOTS_H
#define EDGEFLEET_EF_SLOTS_H

#include "ef_state.h"

/* Stores a slot's record; on failure the slot is as it was. */
bool ef_slot_store(ef_agent *agent, unsigned index, const ef_slot *slot);
bool ef_slot_set(ef_agent *agent, unsigned index, ef_slot_state state);

/* Makes a slot, or none, the one that runs after a restart. */
bool ef_slot_activate(ef_agent *agent, unsigned index);

/* The slot that a new model goes to. */
unsigned ef_slot_inactive(const ef_agent *agent);

/* Whether the model's bytes in flash still have the digest on record. */
bool ef_slot_model_holds(const ef_agent *agent, unsigned index);

/* The verdict on a slot's manifest, or the inbox's for EF_SLOT_NONE; the manifest borrows the workspace. */
ef_reason ef_slot_read_manifest(ef_agent *agent, const ef_slot *slot, unsigned index, ef_manifest *manifest,
                                ef_fault *fault);

/* Reads a slot's manifest that was accepted once: its digest is enough. `json` borrows the scratch. */
bool ef_slot_open_manifest(ef_agent *agent, unsigned index, ef_json *json);

/* Loads a slot's model into the runtime in place of the one that is there; it does not count as running yet. */
bool ef_slot_load(ef_agent *agent, const ef_slot *slot, unsigned index, ef_inference_info *info);

/* Loads the active model if all of it still holds, else the other one, else none. EF_REASON_OK, or what is wrong
 * with the model that should have run. Slots that do not hold are put down as FAILED. */
ef_reason ef_slot_run_best(ef_agent *agent);

#endif
