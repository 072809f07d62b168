/* The verdict of the core on one document, with what it read there. */
#ifndef EDGEFLEET_TESTS_VERDICT_H
#define EDGEFLEET_TESTS_VERDICT_H

#include <stdio.h>

#include "context.h"

/* Judges `bytes` as a document by name; with a context, as the device that the context describes. What was accepted is
 * written to `out`, a line per value, unless that is NULL. Every byte is read from a heap block of exactly its size, so
 * that the sanitizer sees a read past the end. */
ef_reason judge(const char *document, const test_context *context, const uint8_t *bytes, size_t length, FILE *out,
                ef_fault *fault);

#endif
