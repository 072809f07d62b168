/* The command line: who this board is, what it can hold, and whom it talks to. */
#ifndef EDGEFLEET_POSIX_OPTIONS_H
#define EDGEFLEET_POSIX_OPTIONS_H

#include "arguments.h"
#include "edgefleet_contract.h"

typedef struct {
    const char *identity;
    const char *state;
    px_endpoint broker;
    px_endpoint registry;
    const char *registry_name;
    px_endpoint device_registry; /* no host: there is none */
    const char *device_registry_name;
    const char *claim;
    const char *device_id;
    const char *device_class;
    const char *firmware_version;
    uint32_t ram_bytes;
    uint32_t slot_bytes;
    uint32_t arena_bytes;
    const char *ops[EF_OPS_MAX];
    size_t ops_count;
    bool has_ops;
    const char *faults; /* NULL: the machine is sound */
    /* One of the two. */
    const char *inference_socket;
    const char *inference_command;
} px_options;

/* Reads the command line, which the options borrow; on OPTIONS_WRONG standard error says what is wrong. */
options_outcome options_read(px_options *options, int count, char **arguments);

#endif
