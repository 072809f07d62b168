/* The valve in the machine's supply: closed while the machine is anomalous. */
#ifndef EDGEFLEET_EF_VALVE_H
#define EDGEFLEET_EF_VALVE_H

#include "edgefleet/hal.h"

/* So long it stays closed at least: who opens at the first good word hammers the pipe and the machine. */
#define EF_VALVE_CLOSED_MS 10000u

typedef enum { EF_VALVE_UNKNOWN, EF_VALVE_OPEN, EF_VALVE_CLOSED } ef_valve_position;

typedef struct {
    ef_valve_position position; /* as it was told and has taken it */
    uint64_t closed_ms;         /* when it last closed */
} ef_valve;

/* Moves it where the verdict wants it, as far as it may; called again and again. Closing is never delayed. */
void ef_valve_follow(ef_valve *valve, bool anomalous, const ef_hal *hal);

#endif
