/* What a device is supposed to know in a test: one row of contexts.tsv. */
#ifndef EDGEFLEET_TESTS_CONTEXT_H
#define EDGEFLEET_TESTS_CONTEXT_H

#include "edgefleet/verify.h"

enum { CONTEXT_COLUMNS = 14, CONTEXT_OPS_MAX = 64, CONTEXTS_MAX = 128, CONTEXT_SCHEMAS_MAX = 4 };

typedef struct {
    char *row; /* what the other members borrow from, where the context owns it */
    const char *name;
    const char *check; /* desired, manifest or key-bundle */
    ef_key keys[EF_KEYS_MAX];
    ef_keyring keyring;
    ef_seen seen;
    ef_desired_context desired;
    ef_manifest_context manifest;
    const char *ops[CONTEXT_OPS_MAX];
    ef_feature_schema schemas[CONTEXT_SCHEMAS_MAX]; /* name and digest: nothing else is looked at */
} test_context;

/* Splits a line in place at `separator`; returns the number of columns, at most `most`. */
size_t split_line(char *line, char separator, char **columns, size_t most);

/* Reads a row; it is cut in place and must outlive the context. Ends the program on a row that makes no sense. */
void read_context(char *row, test_context *context);

/* Prints why a test cannot run, and ends the program with status 2. */
_Noreturn void give_up(const char *what, const char *which);

#endif
