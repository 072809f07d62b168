/* The sensing half of a device: windows, telemetry, its own verdict and valve, and other devices' for the role level2.
 *
 * It has its own memory (ef_agent_config.sense_memory); without it every function here does nothing. */
#ifndef EDGEFLEET_EF_SENSE_H
#define EDGEFLEET_EF_SENSE_H

#include "ef_baseline.h"
#include "ef_level1.h"
#include "ef_level2.h"
#include "ef_result.h"
#include "ef_window.h"

struct ef_sense {
    ef_window window;
    ef_sample sample; /* the last window's */
    ef_baseline baseline;
    ef_commissioning commissioning;
    char commission[EF_COMMISSION_MAX + 4]; /* the token that the statistics under way are for; empty: none are */
    ef_judge judge;
    ef_level1 level1;
    ef_valve valve;
    ef_level2 level2;
    int64_t assigned;      /* generation whose settings level 2 follows; -1: none yet */
    uint64_t window_ms;    /* when the next window begins */
    uint64_t telemetry_ms; /* when telemetry was last due */
    bool told;             /* telemetry was due since this boot */
    bool judged;           /* the last window has a score */
    bool ails;             /* what is wrong with the sensors was logged */
    float score;
    uint32_t dropped; /* results that no broker took */
    uint32_t failed;  /* windows without features or without a score that a model should have given */
};

/* At the end of the agent's start. */
void ef_sense_start(ef_agent *agent);

/* Does what is due; returns milliseconds until the next call at the latest. */
uint32_t ef_sense_poll(ef_agent *agent);

/* A session began. */
void ef_sense_connected(ef_agent *agent);

/* Telemetry of another device. */
void ef_sense_message(ef_agent *agent, const char *id, const uint8_t *bytes, size_t length);

/* What to report; NULL: the machine was never commissioned. */
const ef_baseline *ef_sense_baseline(const ef_agent *agent);

#endif
