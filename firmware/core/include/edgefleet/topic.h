/* The MQTT topics of the contract. */
#ifndef EDGEFLEET_TOPIC_H
#define EDGEFLEET_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "edgefleet_contract.h"

/* Writes the topic with a final NUL. `device_id` is NULL exactly where the topic names no device. False for anything
 * else that is not a device id (a '/', '+' or '#' would name other topics) and for a buffer too small. */
bool ef_topic_build(const ef_topic *topic, const char *device_id, char *out, size_t size);

/* The topic that a received name belongs to, or NULL. `id` (64 bytes) gets the device id, empty where there is none.
 * `name` need not end in NUL. */
const ef_topic *ef_topic_parse(const char *name, size_t length, char id[EF_DEVICE_ID_MAX + 1]);

#endif
