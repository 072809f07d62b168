/* The parts of mqtt_check: packets as bytes, connections with a broker that does as it is told. */
#ifndef EDGEFLEET_POSIX_MQTT_CHECK_H
#define EDGEFLEET_POSIX_MQTT_CHECK_H

#include "mqtt/packet.h"

#define CONNACK_BYTES 33

extern const uint8_t connack_bytes[CONNACK_BYTES];
extern const mqtt_connect connect_wish;

/* Ends the program unless it holds. */
void expect(bool holds, const char *what);

void check_connections(void);

#endif
