/* The MQTT session. The port connects and reconnects with jittered backoff, clean start, QoS 1 subscriptions, and
 * tells the core through ef_agent_connected, _disconnected and _message. */
#ifndef EDGEFLEET_HAL_MQTT_H
#define EDGEFLEET_HAL_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    /* All return false when it cannot be taken now; the core asks again. */
    bool (*subscribe)(void *context, const char *topic, int qos);
    bool (*publish)(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain);
    bool (*unsubscribe)(void *context, const char *topic);
} ef_hal_mqtt;

#endif
