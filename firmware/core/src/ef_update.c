#include "ef_update.h"

#include <string.h>

#include "ef_report.h"
#include "ef_slots.h"

enum { WAIT_MS = 20, REST_MS = 1000 };

const ef_transition ef_transitions[] = {
    {EF_STEP_CHOOSE, EF_EVENT_SAME, EF_STEP_REST},
    {EF_STEP_CHOOSE, EF_EVENT_HELD, EF_STEP_REHASH},
    {EF_STEP_CHOOSE, EF_EVENT_PARTLY, EF_STEP_RECALL},
    {EF_STEP_CHOOSE, EF_EVENT_LATER, EF_STEP_WAIT},
    {EF_STEP_CHOOSE, EF_EVENT_NEXT, EF_STEP_MANIFEST},
    {EF_STEP_CHOOSE, EF_EVENT_REFUSED, EF_STEP_REST},
    {EF_STEP_WAIT, EF_EVENT_NEXT, EF_STEP_MANIFEST},
    {EF_STEP_WAIT, EF_EVENT_RESUME, EF_STEP_RECALL},
    {EF_STEP_MANIFEST, EF_EVENT_NEXT, EF_STEP_JUDGE},
    {EF_STEP_MANIFEST, EF_EVENT_AGAIN, EF_STEP_PAUSE},
    {EF_STEP_MANIFEST, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_JUDGE, EF_EVENT_NEXT, EF_STEP_ERASE},
    {EF_STEP_JUDGE, EF_EVENT_REFUSED, EF_STEP_REST},
    {EF_STEP_JUDGE, EF_EVENT_AGAIN, EF_STEP_PAUSE},
    {EF_STEP_JUDGE, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_ERASE, EF_EVENT_NEXT, EF_STEP_FILL},
    {EF_STEP_ERASE, EF_EVENT_AGAIN, EF_STEP_PAUSE},
    {EF_STEP_ERASE, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_RECALL, EF_EVENT_NEXT, EF_STEP_FILL},
    {EF_STEP_RECALL, EF_EVENT_OVER, EF_STEP_ERASE},
    {EF_STEP_FILL, EF_EVENT_NEXT, EF_STEP_REHASH},
    {EF_STEP_FILL, EF_EVENT_AGAIN, EF_STEP_PAUSE},
    {EF_STEP_FILL, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_PAUSE, EF_EVENT_NEXT, EF_STEP_MANIFEST},
    {EF_STEP_PAUSE, EF_EVENT_RESUME, EF_STEP_FILL},
    {EF_STEP_PAUSE, EF_EVENT_OVER, EF_STEP_ERASE},
    {EF_STEP_REHASH, EF_EVENT_NEXT, EF_STEP_PROBE},
    {EF_STEP_REHASH, EF_EVENT_LOST, EF_STEP_CHOOSE},
    {EF_STEP_REHASH, EF_EVENT_AGAIN, EF_STEP_PAUSE},
    {EF_STEP_REHASH, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_PROBE, EF_EVENT_NEXT, EF_STEP_CHECK},
    {EF_STEP_PROBE, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_CHECK, EF_EVENT_NEXT, EF_STEP_COMMIT},
    {EF_STEP_CHECK, EF_EVENT_FAILED, EF_STEP_REST},
    {EF_STEP_COMMIT, EF_EVENT_NEXT, EF_STEP_REST},
    {EF_STEP_COMMIT, EF_EVENT_FAILED, EF_STEP_REST},
};
const size_t ef_transition_count = sizeof ef_transitions / sizeof ef_transitions[0];

const char *const ef_step_names[EF_STEP_COUNT] = {"Rest", "Choose", "Wait",   "Manifest", "Judge", "Erase", "Recall",
                                                  "Fill", "Pause",  "Rehash", "Probe",    "Check", "Commit"};
const char *const ef_event_names[EF_EVENT_COUNT] = {"stay",  "more",   "next", "same", "held",    "partly", "later",
                                                    "again", "resume", "over", "lost", "refused", "failed"};
const ef_phase ef_step_phases[EF_STEP_COUNT] = {
    [EF_STEP_REST] = EF_PHASE_IDLE,          [EF_STEP_CHOOSE] = EF_PHASE_DOWNLOADING,
    [EF_STEP_WAIT] = EF_PHASE_DEFERRED,      [EF_STEP_MANIFEST] = EF_PHASE_DOWNLOADING,
    [EF_STEP_JUDGE] = EF_PHASE_DOWNLOADING,  [EF_STEP_ERASE] = EF_PHASE_DOWNLOADING,
    [EF_STEP_RECALL] = EF_PHASE_DOWNLOADING, [EF_STEP_FILL] = EF_PHASE_DOWNLOADING,
    [EF_STEP_PAUSE] = EF_PHASE_DOWNLOADING,  [EF_STEP_REHASH] = EF_PHASE_VERIFYING,
    [EF_STEP_PROBE] = EF_PHASE_TESTING,      [EF_STEP_CHECK] = EF_PHASE_TESTING,
    [EF_STEP_COMMIT] = EF_PHASE_TESTING,
};

static ef_event (*const steps[EF_STEP_COUNT])(ef_agent *) = {
    [EF_STEP_CHOOSE] = ef_step_choose,     [EF_STEP_WAIT] = ef_step_wait,     [EF_STEP_MANIFEST] = ef_step_manifest,
    [EF_STEP_JUDGE] = ef_step_judge,       [EF_STEP_ERASE] = ef_step_erase,   [EF_STEP_RECALL] = ef_step_recall,
    [EF_STEP_FILL] = ef_step_fill,         [EF_STEP_PAUSE] = ef_step_pause,   [EF_STEP_REHASH] = ef_step_rehash,
    [EF_STEP_PROBE] = ef_step_probe,       [EF_STEP_CHECK] = ef_step_check,   [EF_STEP_COMMIT] = ef_step_commit,
};

static ef_step follow(ef_step from, ef_event event) {
    for (size_t i = 0; i < ef_transition_count; i++) {
        if (ef_transitions[i].from == from && ef_transitions[i].event == event) {
            return ef_transitions[i].to;
        }
    }
    return EF_STEP_REST;
}

/* A download that was reported as Failed is tried again, but it stays Failed until the bytes are there. */
static bool has_failed_already(const ef_agent *agent) {
    return agent->outcome.phase == EF_PHASE_FAILED && agent->outcome.generation == agent->command.generation;
}

static void report_step(ef_agent *agent) {
    ef_step step = agent->update.step;
    ef_phase phase = ef_step_phases[step];
    if (step == EF_STEP_REST || (phase == EF_PHASE_DOWNLOADING && has_failed_already(agent))) {
        return;
    }
    ef_report_phase(agent, phase, phase == EF_PHASE_DEFERRED ? EF_REASON_DEFERRED : EF_REASON_OK, NULL);
}

static bool is_testing(const ef_update *update) {
    return update->step == EF_STEP_CHECK || update->step == EF_STEP_COMMIT;
}

/* Whether what is under way is what the command wants. */
static bool serves(const ef_agent *agent) {
    const ef_update *update = &agent->update;
    return update->step != EF_STEP_REST && agent->command.manifest_bytes > 0 &&
           agent->command.manifest_bytes == update->slot.manifest_bytes &&
           memcmp(agent->command.manifest_digest, update->slot.manifest_digest, EF_SHA256_BYTES) == 0;
}

void ef_update_start(ef_agent *agent) {
    ef_update *update = &agent->update;
    if (serves(agent)) {
        /* The same model under a newer generation: whoever asks again does not want to wait. */
        update->failures = 0;
        update->until_ms = 0;
        agent->outcome = (ef_outcome){.generation = agent->command.generation};
        report_step(agent);
        return;
    }
    if (is_testing(update)) {
        ef_trial_undo(agent, update->held ? EF_SLOT_VALID : EF_SLOT_STAGED);
    }
    ef_fetch_stop(&update->fetch);
    memset(update, 0, sizeof *update);
    update->kind = &ef_model_kind; /* nothing else can be asked for */
    update->slot.manifest_bytes = agent->command.manifest_bytes;
    memcpy(update->slot.manifest_digest, agent->command.manifest_digest, EF_SHA256_BYTES);
    agent->outcome = (ef_outcome){.generation = agent->command.generation};
    /* Choosing takes no time: what follows is what is reported. */
    update->step = EF_STEP_CHOOSE;
}

void ef_update_restart(ef_agent *agent) {
    if (agent->update.step != EF_STEP_REST) {
        agent->update.slot.manifest_bytes = 0; /* so that it serves nothing */
        ef_update_start(agent);
    }
}

uint32_t ef_update_poll(ef_agent *agent) {
    ef_step step = agent->update.step;
    if (step == EF_STEP_REST) {
        return REST_MS;
    }
    ef_event event = steps[step](agent);
    if (event == EF_EVENT_STAY || event == EF_EVENT_MORE) {
        return event == EF_EVENT_STAY ? WAIT_MS : 0;
    }
    agent->update.step = follow(step, event);
    agent->update.cursor = 0;
    report_step(agent);
    return 0;
}
