/* The broker of a device on the bench: it judges and keeps what the core says. What it delivers is in bench.h. */
#ifndef EDGEFLEET_TESTS_BENCH_BROKER_H
#define EDGEFLEET_TESTS_BENCH_BROKER_H

#include "bench.h"

/* For the HAL's table; the context is the bench. */
bool hal_subscribe(void *context, const char *topic, int qos);
bool hal_publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain);
bool hal_unsubscribe(void *context, const char *topic);

#endif
