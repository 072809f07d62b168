/* How a device is born: one table says which step follows which, from a claim to an activated device.
 *
 * What was reached is in places that power cuts leave whole: the port's key and certificate, the journal's keys and
 * activation. A start looks at those and goes on from there, so that no step needs to know how the last one ended. */
#ifndef EDGEFLEET_EF_PROVISION_H
#define EDGEFLEET_EF_PROVISION_H

#include "edgefleet/agent.h"
#include "ef_journal.h"
#include "ef_records.h"
#include "ef_request.h"

#define EF_PROVISION_PAUSE_MS 1000u
#define EF_PROVISION_PAUSE_MAX_MS 300000u

typedef enum {
    EF_PROVISION_REST,     /* activated, or nobody to ask */
    EF_PROVISION_CLAIM,    /* writes the request: claim and CSR */
    EF_PROVISION_ASK,      /* POST /provisionDevice is under way */
    EF_PROVISION_INSTALL,  /* keeps keys and certificate */
    EF_PROVISION_CONFIRM,  /* writes the question whether it may work */
    EF_PROVISION_AWAIT,    /* POST /confirmActivation is under way */
    EF_PROVISION_ACTIVATE, /* keeps the answer */
    EF_PROVISION_PAUSE
} ef_provision_step;

#define EF_PROVISION_STEP_COUNT 8

/* How a step ended. */
typedef enum {
    EF_PROVISION_STAY,  /* it has not; come back when something happened */
    EF_PROVISION_MORE,  /* it has not; come back at once */
    EF_PROVISION_NEXT,  /* well */
    EF_PROVISION_AGAIN, /* try again after a pause */
    EF_PROVISION_RESUME /* there is a certificate already */
} ef_provision_event;

#define EF_PROVISION_EVENT_COUNT 5

typedef struct {
    ef_provision_step from;
    ef_provision_event event;
    ef_provision_step to;
} ef_provision_transition;

extern const ef_provision_transition ef_provision_transitions[];
extern const size_t ef_provision_transition_count;
extern const char *const ef_provision_step_names[EF_PROVISION_STEP_COUNT];
extern const char *const ef_provision_event_names[EF_PROVISION_EVENT_COUNT];

struct ef_provision {
    const ef_hal *hal;
    ef_journal *journal;
    const char *device_id;
    ef_provision_step step;
    bool has_keys;     /* of the fleet, wherever they came from */
    bool news;         /* keys, note or activation changed; whoever says so to the outside clears it */
    uint32_t failures; /* since the last step that went well */
    uint64_t until_ms; /* of a pause */
    ef_request request;
    char note[EF_NOTE_MAX]; /* why it is not activated, for people */
    /* One document, asked or answered, and a NUL: nothing in it is kept from one exchange to the next. */
    uint8_t document[EF_PROVISION_ANSWER_MAX + 1];
};

_Static_assert(EF_PROVISION_ANSWER_MAX >= EF_PROVISION_REQUEST_MAX, "the question fits where the answer will lie");

/* Finds out how far this device is. `has_keys`: it has release keys, of the journal or of its configuration. All
 * pointers are borrowed. */
void ef_provision_start(ef_provision *provision, const ef_hal *hal, ef_journal *journal, const char *device_id,
                        bool has_keys);

/* Does one step; returns milliseconds until the next one. `workspace` is free again afterwards. */
uint32_t ef_provision_poll(ef_provision *provision, const ef_workspace *workspace);

/* Whether the device may work: obey, measure, and say more than that it waits. */
bool ef_provision_is_done(const ef_provision *provision);

#endif
