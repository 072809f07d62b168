/* The agent's own memory. Only the files of the agent see inside. */
#ifndef EDGEFLEET_EF_STATE_H
#define EDGEFLEET_EF_STATE_H

#include "edgefleet/agent.h"
#include "ef_fetch.h"
#include "ef_records.h"

#define EF_TOPIC_NAME_MAX 96u

/* The steps of an update; ef_update.c has the table of what follows what. */
typedef enum {
    EF_STEP_REST,
    EF_STEP_CHOOSE,
    EF_STEP_WAIT,
    EF_STEP_MANIFEST,
    EF_STEP_JUDGE,
    EF_STEP_MODEL,
    EF_STEP_PAUSE,
    EF_STEP_REHASH,
    EF_STEP_TRY,
    EF_STEP_VECTORS,
    EF_STEP_COMMIT
} ef_step;

#define EF_STEP_COUNT 11

typedef struct {
    uint8_t passed;
    uint8_t total;
    int32_t max_lsb;
} ef_self_test;

typedef struct {
    ef_step step;
    unsigned target;      /* the slot being filled or tried */
    ef_slot slot;         /* what its record will say */
    bool held;            /* it was VALID before: a switch back without a download */
    bool judged;          /* its manifest was accepted; the model is what is missing */
    bool fetching;        /* `fetch` is under way, not pausing */
    ef_manifest manifest; /* borrows the scratch */
    uint32_t attempts;    /* to download, for this command */
    uint32_t failures;    /* of them */
    uint64_t until_ms;    /* of a wait or a pause */
    uint32_t hashed;      /* bytes read back from flash */
    ef_fetch fetch;       /* its hash serves for reading back too */
    ef_inference_info info;
    ef_self_test test;
    bool was_tested;      /* of the active model, for when it comes back */
    ef_self_test was;
} ef_update;

struct ef_agent {
    const ef_agent_config *config;
    const ef_hal *hal;
    ef_journal journal;
    /* As in the journal. */
    ef_enrolment enrolment;
    uint32_t boot_count;
    ef_command_record command;
    ef_outcome outcome; /* of the command under way too, then not final and not stored */
    int64_t security_floor;
    unsigned active; /* EF_SLOT_NONE: no model */
    ef_slot slots[EF_SLOTS];
    /* What runs. */
    bool loaded;
    uint32_t arena_used;
    bool tested;
    ef_self_test test;
    ef_update update;
    /* What is to be said. */
    bool connected;
    bool must_subscribe;
    bool must_greet;
    bool must_report;
    int64_t reports;
    ef_reason refused; /* the last message that was refused since the last accepted one */
    char refusal[EF_PATH_MAX + 64];
};

_Static_assert(sizeof(struct ef_agent) <= 5 * 1024, "thousands of agents fit into one process");

#endif
