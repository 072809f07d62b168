/* Memory for one verification and for one step of anything else: the caller's, borrowed inside a call, and shared by
 * all agents of one thread.
 *
 * One thing is kept in it from poll to poll, the tokens of the manifest of a model under test; so the scratch says whose
 * they are. The manifest itself lies in flash (ef_unwrap.h). */
#ifndef EDGEFLEET_EF_SCRATCH_H
#define EDGEFLEET_EF_SCRATCH_H

#include "ef_state.h"

struct ef_scratch {
    const ef_agent *owner; /* of the tokens; NULL: they say nothing */
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    /* A signed payload and what is made of it, or the bytes of one step. */
    union {
        struct {
            uint8_t assignment[EF_ASSIGNMENT_MAX];
            ef_command_record command;
        };
        struct {
            uint8_t bundle[EF_KEY_BUNDLE_MAX];
            ef_key_bundle keys;
        };
        ef_baseline baseline;
        uint8_t bytes[EF_REPORTED_MAX + 1];
    };
};

_Static_assert(EF_REPORTED_MAX >= EF_TELEMETRY_MAX && EF_REPORTED_MAX >= EF_RESULT_MAX && EF_REPORTED_MAX >= EF_PRESENCE_MAX,
               "whatever is said fits into the scratch memory");
_Static_assert(EF_REPORTED_MAX >= EF_FLASH_SECTOR, "a sector fits into the scratch memory");
_Static_assert(EF_KEY_BUNDLE_MAX >= EF_CSR_MAX, "so does a request for a certificate");
_Static_assert(sizeof(struct ef_scratch) <= 9 * 1024, "what all agents of a thread share");

/* The memory for a verification; whoever kept a manifest in it has to read it again. */
ef_workspace ef_scratch_take(ef_agent *agent);

/* Keeps the tokens of what was read last for the polls to come. */
void ef_scratch_keep(ef_agent *agent);

/* Whether what this agent kept is still there. */
bool ef_scratch_is_kept(const ef_agent *agent);

#endif
