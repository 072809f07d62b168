/* DSSE envelopes (protocol v1) with ECDSA P-256 and SHA-256, through PSA Crypto only.
 *
 * The port calls psa_crypto_init() once before anything here. */
#ifndef EDGEFLEET_DSSE_H
#define EDGEFLEET_DSSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgefleet/contract.h"

#define EF_SHA256_BYTES 32
#define EF_POINT_BYTES 65
#define EF_SIGNATURE_BYTES 64
#define EF_KEY_ID_CHARS 16

/* A trusted public key: its id and its uncompressed point. */
typedef struct {
    char keyid[EF_KEY_ID_CHARS + 1];
    uint8_t point[EF_POINT_BYTES];
} ef_key;

typedef struct {
    const ef_key *keys;
    size_t count;
} ef_keyring;

/* Fills `key` from a point and computes its id; false when the point is not on the curve. */
bool ef_key_load(ef_key *key, const uint8_t point[EF_POINT_BYTES]);

/* SHA-256 of a byte string; false when the crypto provider fails. */
bool ef_sha256(const uint8_t *bytes, size_t length, uint8_t digest[EF_SHA256_BYTES]);

/* SHA-256 of the pre-authentication encoding of a payload. */
bool ef_dsse_digest(const char *payload_type, const uint8_t *payload, size_t length, uint8_t digest[EF_SHA256_BYTES]);

/* A payload as its envelope carries it: base64 text, what that decodes to, and SHA-256 of it. */
typedef struct {
    ef_text text;
    size_t length;
    uint8_t sha256[EF_SHA256_BYTES];
} ef_wrapped;

/* Measures base64 text, piece by piece; false for other text, or when the crypto provider fails. */
bool ef_wrapped_measure(ef_text text, ef_wrapped *payload);

/* Finds the payload of a checked envelope, of `most` bytes, if a trusted key signed it; nothing holds all of it.
 *
 * `envelope` is the envelope's token. Returns EF_REASON_BAD_ENVELOPE for a payload of another kind, _TOO_LARGE,
 * _UNKNOWN_KEY or _BAD_SIGNATURE; one good signature of a trusted key is enough. */
ef_reason ef_dsse_open(const ef_json *json, uint16_t envelope, const ef_payload *kind, const ef_keyring *trusted,
                       size_t most, ef_wrapped *payload, ef_fault *fault);

#endif
