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
    EF_EVENT_HELD,    /* the other slot has the model already */
    EF_EVENT_LATER,   /* a wait comes first */
    EF_EVENT_AGAIN,   /* try again after a pause */
    EF_EVENT_RESUME,  /* the manifest is there already */
    EF_EVENT_LOST,    /* what the slot held does not hold any more */
    EF_EVENT_REFUSED, /* for this command for good: the model is not for this device */
    EF_EVENT_FAILED   /* for this command for good */
} ef_event;

#define EF_EVENT_COUNT 11

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

/* Begins what the agent's command says; what was under way is dropped, unless it serves the new command too. */
void ef_update_start(ef_agent *agent);

/* Does one step; returns milliseconds until the next one. */
uint32_t ef_update_poll(ef_agent *agent);

/* The steps. */
ef_event ef_step_choose(ef_agent *agent);
ef_event ef_step_wait(ef_agent *agent);
ef_event ef_step_manifest(ef_agent *agent);
ef_event ef_step_judge(ef_agent *agent);
ef_event ef_step_model(ef_agent *agent);
ef_event ef_step_pause(ef_agent *agent);
ef_event ef_step_rehash(ef_agent *agent);
ef_event ef_step_try(ef_agent *agent);
ef_event ef_step_vectors(ef_agent *agent);
ef_event ef_step_commit(ef_agent *agent);

/* Counts a download that failed: EF_EVENT_AGAIN, after a pause that doubles, or EF_EVENT_FAILED when it is enough. */
ef_event ef_update_fail_attempt(ef_agent *agent, ef_reason reason, const char *note);

/* Puts the runtime back to the active model after a test that did not end well, and the tested slot to `state`. */
void ef_trial_undo(ef_agent *agent, ef_slot_state state);

#endif
