/* Command lines: a table of options; their values are read, or refused with a line that names the option. */
#ifndef EDGEFLEET_POSIX_ARGUMENTS_H
#define EDGEFLEET_POSIX_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgefleet/pattern.h"

#define HOST_MAX 255

typedef struct {
    char host[HOST_MAX + 1];
    char port[6];
} px_endpoint;

/* Reads the value of an option into `out`, which borrows text; false, and has said why. */
typedef bool argument_reader(void *out, const char *name, char *text);

typedef struct {
    const char *name;
    argument_reader *read;
    size_t offset; /* of `out` in the options */
    bool is_needed;
    char letter; /* for short, where it takes a value; 0: none */
} px_argument;

#define ARGUMENTS_MAX 32

typedef enum { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_WRONG } options_outcome;

/* Reads a command line into `options` by a table of at most ARGUMENTS_MAX rows, behind which is one without a name. */
options_outcome arguments_read(void *options, const px_argument *table, const char *usage, int count, char **given);

argument_reader argument_read_text;     /* const char * */
argument_reader argument_read_label;    /* const char *, a DNS label */
argument_reader argument_read_semver;   /* const char * */
argument_reader argument_read_endpoint; /* px_endpoint; an IPv6 address stands in brackets */
argument_reader argument_read_count;    /* uint32_t, from 1 to INT32_MAX */
argument_reader argument_read_flag;     /* bool; it takes no value */

/* Of a model slot, and of the two ways to a runtime, one; false, and has said why. */
bool argument_check_slot(uint32_t slot_bytes);
bool argument_check_inference(const char *socket, const char *command);

bool argument_matches(ef_pattern pattern, const char *text);

#endif
