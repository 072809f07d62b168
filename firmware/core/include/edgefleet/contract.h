/* The verdict of the generated tables on a document. */
#ifndef EDGEFLEET_CONTRACT_H
#define EDGEFLEET_CONTRACT_H

#include <stddef.h>
#include <stdint.h>

#include "edgefleet/json.h"

/* The first thing wrong with a document, and the field at fault: dotted, array indexes in brackets. */
typedef struct {
    ef_reason reason;
    char path[EF_PATH_MAX];
} ef_fault;

/* Reads and checks a document: its size, the JSON dialect, then the fields in declared order, depth first.
 *
 * `fault->path` is extended, so that a document inside another one says where it lies; clear it first.
 * On EF_REASON_OK `json` is the document; it borrows `bytes` and `tokens`. */
ef_reason ef_contract_read(const ef_document *document, const uint8_t *bytes, size_t length, ef_json_token *tokens,
                           size_t capacity, ef_json *json, ef_fault *fault);

/* Appends a step to a path; a path that would not fit is cut. */
void ef_path_append(ef_fault *fault, const char *step);

/* Notes a fault and returns its reason. */
ef_reason ef_fault_at(ef_fault *fault, ef_reason reason, const char *step);

/* Demands on several fields at once; called on objects whose fields are each valid. */
ef_reason ef_rule_check(ef_rule rule, const ef_json *json, uint16_t object, ef_fault *fault);

#endif
