/* Other devices' telemetry, judged: the role level2. */
#ifndef EDGEFLEET_EF_LEVEL2_H
#define EDGEFLEET_EF_LEVEL2_H

#include "ef_judge.h"

/* One source's telemetry is judged no more often: a source that talks without end must not stop this device. */
#define EF_LEVEL2_PERIOD_MS 1000u

/* A source that was silent for so long may begin again with any boot: it was flashed anew, or is another board. */
#define EF_LEVEL2_FORGET_MS 600000u

typedef struct {
    char id[EF_DEVICE_ID_MAX + 1];
    bool subscribed;
    bool heard; /* then `boot`, `seq` and `heard_ms` are of the newest telemetry */
    bool judged;
    uint32_t boot;
    int64_t seq;
    uint64_t heard_ms;
    uint64_t judged_ms;
} ef_source;

typedef struct {
    ef_source sources[EF_SOURCES_MAX];
    unsigned count;
    uint32_t ignored; /* messages of sources that were malformed, old, too many, or not to be judged */
} ef_level2;

/* Hears whom the settings name, where they give the role; who is no longer named is unsubscribed. */
void ef_level2_assign(ef_level2 *level2, const ef_settings *settings, const ef_hal *hal);

/* A new session knows no subscriptions. */
void ef_level2_connected(ef_level2 *level2);

/* Subscribes where that is due; false when something stays due. */
bool ef_level2_subscribe(ef_level2 *level2, const ef_hal *hal);

/* Judges telemetry of a source and publishes an alert: of this sample alone, without hysteresis. Takes the scratch. */
void ef_level2_message(ef_level2 *level2, ef_judge *judge, ef_agent *agent, const char *id, const uint8_t *bytes,
                       size_t length);

#endif
