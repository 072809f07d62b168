/* What a device says about samples: `telemetry`, `anomaly` and `alert`. All of it takes the scratch's step. */
#ifndef EDGEFLEET_EF_RESULT_H
#define EDGEFLEET_EF_RESULT_H

#include "ef_state.h"
#include "ef_valve.h"

/* A window of this device or of another one. */
typedef struct {
    const char *device_id;
    uint32_t boot;
    int64_t seq;
    int64_t ts; /* milliseconds since 1970; 0: unknown */
    float features[EF_MOTOR_LEVEL2_FEATURES];
} ef_sample;

/* What the active model says of it. */
typedef struct {
    const ef_sample *sample;
    float score;
    bool anomalous;
    ef_valve_position valve; /* of an anomaly only */
} ef_result;

/* Settings in force, the firmware's defaults where none are given. */
float ef_setting_threshold(const ef_settings *settings);

/* False when it was not taken: nothing is kept, the next sample says more. */
bool ef_telemetry_publish(const ef_agent *agent, const ef_sample *sample);
bool ef_anomaly_publish(const ef_agent *agent, const ef_result *result);
bool ef_alert_publish(const ef_agent *agent, const ef_result *result);

#endif
