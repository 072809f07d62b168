/* The fleet's keys as the journal keeps them. */
#ifndef EDGEFLEET_EF_KEYS_H
#define EDGEFLEET_EF_KEYS_H

#include "edgefleet/agent.h"
#include "ef_journal.h"

/* The keys that a device trusts: the stored bundle where it is newer than the configuration's, or where that has
 * none. */
void ef_keys_choose(ef_key_bundle *keys, const ef_journal *journal, const ef_agent_config *config);

/* Reads the stored bundle; false when there is none that makes sense. */
bool ef_keys_load(const ef_journal *journal, ef_key_bundle *bundle);

/* Stores an accepted bundle; false when flash fails, and the one before it still counts. */
bool ef_keys_store(ef_journal *journal, const ef_key_bundle *bundle);

#endif
