/* What a device does about a command: one table says which step follows which. */
#ifndef EDGEFLEET_EF_UPDATE_H
#define EDGEFLEET_EF_UPDATE_H

#include "ef_state.h"

/* How a step ended. */
typedef enum {
    EF_EVENT_STAY,    /* it has not; come back when something happened */
    EF_EVENT_MORE,    /* it has not; come back at once */
    EF_EVENT_NEXT,    /* well */
    EF_EVENT_SAME,    /* nothing is to be done about the model */
    EF_EVENT_HELD,    /* the other slot has it already */
    EF_EVENT_PARTLY,  /* the other slot has some of it, from before a restart */
    EF_EVENT_LATER,   /* a wait comes first */
    EF_EVENT_AGAIN,   /* try again after a pause */
    EF_EVENT_RESUME,  /* with the bytes that are there already */
    EF_EVENT_OVER,    /* the bytes that are there are worth nothing: begin with none */
    EF_EVENT_LOST,    /* what the slot held does not hold any more */
    EF_EVENT_REFUSED, /* for this command for good: it is not for this device */
    EF_EVENT_FAILED   /* for this command for good */
} ef_event;

#define EF_EVENT_COUNT 13

typedef struct {
    ef_step from;
    ef_event event;
    ef_step to;
} ef_transition;

extern const ef_transition ef_transitions[];
extern const size_t ef_transition_count;
extern const char *const ef_step_names[EF_STEP_COUNT];
extern const char *const ef_event_names[EF_EVENT_COUNT];

/* What is reported during a step. At rest it is how the command ended. */
extern const ef_phase ef_step_phases[EF_STEP_COUNT];

/* What is updated. The steps know commands, slots and downloads; what is special about a model is in its table, and an
 * image of the firmware would bring another one. */
typedef struct ef_update_kind {
    const char *noun;   /* in notes for people */
    const char *folder; /* of the URL of its bytes */

    /* Where in flash a slot's bytes lie. */
    uint32_t (*area)(const ef_agent *agent, unsigned slot);

    /* The verdict on the manifest that `slot` names, in a slot's area or, for EF_SLOT_NONE, in the inbox. With
     * EF_REASON_OK the rest of `slot` is what the manifest says. */
    ef_reason (*judge)(ef_agent *agent, unsigned at, ef_slot *slot, ef_fault *fault);

    /* Runs what is in the target slot for the first time: EF_EVENT_NEXT, or what ef_trial_fail returns. */
    ef_event (*probe)(ef_agent *agent);

    /* One piece of its self-test: EF_EVENT_MORE, _NEXT after the last one, or what ef_trial_fail returns. */
    ef_event (*check)(ef_agent *agent);

    /* Makes the target slot what runs from now on, also after a restart. False: flash failed. */
    bool (*commit)(ef_agent *agent);

    /* Back to what ran before the probe. */
    void (*undo)(ef_agent *agent);
} ef_update_kind;

extern const ef_update_kind ef_model_kind;

/* Begins what the agent's command says; what was under way is dropped, unless it serves the new command too. */
void ef_update_start(ef_agent *agent);

/* Begins what is under way again, with what is known now; at rest nothing. */
void ef_update_restart(ef_agent *agent);

/* Does one step; returns milliseconds until the next one. */
uint32_t ef_update_poll(ef_agent *agent);

/* The steps. */
ef_event ef_step_choose(ef_agent *agent);
ef_event ef_step_wait(ef_agent *agent);
ef_event ef_step_manifest(ef_agent *agent);
ef_event ef_step_judge(ef_agent *agent);
ef_event ef_step_erase(ef_agent *agent);
ef_event ef_step_recall(ef_agent *agent);
ef_event ef_step_fill(ef_agent *agent);
ef_event ef_step_pause(ef_agent *agent);
ef_event ef_step_rehash(ef_agent *agent);
ef_event ef_step_probe(ef_agent *agent);
ef_event ef_step_check(ef_agent *agent);
ef_event ef_step_commit(ef_agent *agent);

/* Counts a download that failed: EF_EVENT_AGAIN, after a pause that doubles, or EF_EVENT_FAILED when it is enough. */
ef_event ef_update_fail_attempt(ef_agent *agent, ef_reason reason, const char *note);

/* One step of the download at hand; what went wrong is put in the words that `reported` carries. */
ef_event ef_update_poll_fetch(ef_agent *agent, const char *what);

/* Puts back what ran before a test that did not end well, and the tested slot to `state`. */
void ef_trial_undo(ef_agent *agent, ef_slot_state state);

/* The same, and the end of the command: returns EF_EVENT_FAILED. */
ef_event ef_trial_fail(ef_agent *agent, ef_reason reason, const char *note);

/* Whether nothing was programmed there since it was erased. */
bool ef_update_is_erased(const uint8_t *bytes, size_t length);

#endif
