/* A parsed document, written again: compact, with every string spelled in the shortest way. */
#ifndef EDGEFLEET_FUZZ_REWRITE_H
#define EDGEFLEET_FUZZ_REWRITE_H

#include "edgefleet/json.h"

/* Writes the document; returns its length. It is never longer than the bytes that were parsed, which `capacity` must
 * allow for. */
size_t json_rewrite(const ef_json *json, uint8_t *out, size_t capacity);

/* Whether two documents say the same: kinds of values, numbers and characters, in the same order. */
bool json_equals(const ef_json *left, const ef_json *right);

/* Holds what a parser promises of its tokens against all of them. */
void json_walk(const ef_json *json, size_t length);

#endif
