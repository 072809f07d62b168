/* The command line of a swarm. */
#ifndef EDGEFLEET_POSIX_SWARM_OPTIONS_H
#define EDGEFLEET_POSIX_SWARM_OPTIONS_H

#include <stddef.h>

#include "arguments.h"
#include "edgefleet_contract.h"

typedef struct {
    uint32_t count;
    uint32_t first; /* number of the first device */
    /* A device's id is `before`, its number in at least `digits` digits, `after`. */
    char before[EF_DEVICE_ID_MAX + 1];
    char after[EF_DEVICE_ID_MAX + 1];
    int digits;
    px_endpoint broker;
    bool no_username;
    px_endpoint registry;
    const char *registry_name;
    const char *identity;
    const char *inference_socket; /* one of the two */
    const char *inference_command;
    const char *device_class;
    const char *firmware_version;
    uint32_t ram_bytes;
    uint32_t slot_bytes;
    uint32_t arena_bytes;
    uint32_t registry_connections; /* at once */
    uint32_t broker_handshakes;    /* at once */
    uint32_t timeout_s;            /* 0: none */
    bool quiet;
    /* What all are to confirm before the swarm ends by itself. */
    bool has_goal;
    int64_t goal_generation; /* -1: a digest is the goal */
    char goal_digest[2 * 32 + 1];
} px_swarm_options;

/* Reads the command line, which the options borrow; on OPTIONS_WRONG standard error says what is wrong. */
options_outcome swarm_options_read(px_swarm_options *options, int count, char **arguments);

/* The id of one device; false when it would be none. */
bool swarm_options_name(const px_swarm_options *options, uint32_t index, char id[EF_DEVICE_ID_MAX + 1]);

#endif
