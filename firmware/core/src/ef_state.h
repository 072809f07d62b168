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
    EF_STEP_ERASE,
    EF_STEP_RECALL,
    EF_STEP_FILL,
    EF_STEP_PAUSE,
    EF_STEP_REHASH,
    EF_STEP_PROBE,
    EF_STEP_CHECK,
    EF_STEP_COMMIT
} ef_step;

#define EF_STEP_COUNT 13

typedef struct {
    uint8_t passed;
    uint8_t total;
    int32_t max_lsb;
} ef_self_test;

struct ef_update_kind; /* ef_update.h */

typedef struct {
    ef_step step;
    const struct ef_update_kind *kind; /* of what is being updated */
    unsigned target;      /* the slot being filled or tried */
    ef_slot slot;         /* what its record will say */
    bool held;            /* it was VALID before: a switch back without a download */
    bool partly;          /* it was FILLING when the device restarted */
    bool judged;          /* its manifest was accepted; the bytes are what is missing */
    bool filling;         /* its record says FILLING, and `fetch` knows how far */
    bool fetching;        /* `fetch` is under way, not pausing */
    ef_manifest manifest; /* borrows the scratch */
    uint32_t attempts;    /* to download, for this command */
    uint32_t failures;    /* of them */
    uint64_t until_ms;    /* of a wait or a pause */
    uint32_t cursor;      /* of a step that goes through the slot's sectors */
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
    ef_key_bundle keys; /* trusted: the journal's or the configuration's */
    unsigned active; /* EF_SLOT_NONE: no model */
    ef_slot slots[EF_SLOTS];
    bool activated; /* it may work */
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
    const char *refused_what;
    char refusal[EF_PATH_MAX + 64];
};

_Static_assert(sizeof(struct ef_agent) <= 5 * 1024, "thousands of agents fit into one process");

#endif
