/* Signed documents, made by a fuzzer: it chooses the payload, and a signature of zeros is a good one.
 *
 * psa_verify_hash is wrapped at link time (fuzz.mk): real signatures would keep the fuzzer out of everything behind
 * them. What the core hands to it, and which key, is real. */
#ifndef EDGEFLEET_FUZZ_ENVELOPE_H
#define EDGEFLEET_FUZZ_ENVELOPE_H

#include "edgefleet/dsse.h"

/* Base64 with a final NUL; returns its length without it. `out` has room for 4/3 of `length` and 5 more. */
size_t base64_write(const uint8_t *bytes, size_t length, char *out);

/* The one key that the devices of the fuzzer trust. */
const ef_key *trusted_key(void);

typedef enum { SIGNED_WELL, SIGNED_BADLY, SIGNED_BY_A_STRANGER } envelope_signature;

/* Writes an envelope with a final NUL; returns its length, 0 when it does not fit. */
size_t envelope_write(char *out, size_t capacity, ef_payload_kind kind, const uint8_t *payload, size_t length,
                      envelope_signature signature);

/* Forgets which payloads had a good signature. */
void signatures_forget(void);

/* Whether a payload had a good signature since then, as the core saw it. */
bool signature_was_good(ef_payload_kind kind, const uint8_t *payload, size_t length);

/* How many were good. */
unsigned signatures_good(void);

#endif
