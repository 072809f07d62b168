/* Memory for one verification and for one step of anything else: the caller's, borrowed inside a call, and shared by
 * all agents of one thread.
 *
 * One thing is kept in it from poll to poll, the manifest of a model under test; so the scratch says whose it is. */
#ifndef EDGEFLEET_EF_SCRATCH_H
#define EDGEFLEET_EF_SCRATCH_H

#include "edgefleet/features.h"
#include "ef_state.h"

/* Base64 of a vector's two halves lies within one manifest. */
#define EF_VECTOR_BYTES_MAX (EF_MANIFEST_MAX / 4 * 3)

struct ef_scratch {
    const ef_agent *owner; /* of the manifest that tokens and payload hold; NULL: they hold nothing */
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    union {
        uint8_t payload[EF_MANIFEST_MAX];
        float samples[EF_FEATURES_WORK]; /* of one window while its features are computed */
    };
    /* Free in each step: what a verification left above stays readable beside it. */
    union {
        uint8_t bytes[EF_VECTOR_BYTES_MAX];
        ef_command_record command;
        ef_key_bundle keys;
        ef_baseline baseline;
    } step;
};

_Static_assert(EF_VECTOR_BYTES_MAX >= EF_REPORTED_MAX + 1, "a report fits into the scratch memory");
_Static_assert(EF_VECTOR_BYTES_MAX >= EF_FLASH_SECTOR, "a sector fits into the scratch memory");
_Static_assert(EF_MANIFEST_MAX >= EF_ASSIGNMENT_MAX && EF_MANIFEST_MAX >= EF_KEY_BUNDLE_MAX,
               "every signed payload fits into the scratch memory");
_Static_assert(sizeof(struct ef_scratch) <= 19 * 1024, "what all agents of a thread share");

/* The memory for a verification; whoever kept a manifest in it has to read it again. */
ef_workspace ef_scratch_take(ef_agent *agent);

/* Keeps what was read last for the polls to come. */
void ef_scratch_keep(ef_agent *agent);

/* Whether what this agent kept is still there. */
bool ef_scratch_is_kept(const ef_agent *agent);

#endif
