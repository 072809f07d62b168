#include "envelope.h"

#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

#include "promise.h"

enum { NOTED_MAX = 256 };

/* Each digest once, of the good signatures since the last time they were forgotten. */
static uint8_t noted[NOTED_MAX][EF_SHA256_BYTES];
static unsigned noted_count;
static unsigned good_count;

static bool is_noted(const uint8_t digest[EF_SHA256_BYTES]) {
    for (unsigned i = 0; i < noted_count; i++) {
        if (memcmp(noted[i], digest, EF_SHA256_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

psa_status_t __wrap_psa_verify_hash(psa_key_id_t key, psa_algorithm_t algorithm, const uint8_t *hash,
                                    size_t hash_length, const uint8_t *signature, size_t signature_length);

/* Good is a signature of nothing but zeros, which no real one is. */
psa_status_t __wrap_psa_verify_hash(psa_key_id_t key, psa_algorithm_t algorithm, const uint8_t *hash,
                                    size_t hash_length, const uint8_t *signature, size_t signature_length) {
    PROMISE(key != 0 && algorithm == PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    PROMISE(hash_length == EF_SHA256_BYTES && signature_length == EF_SIGNATURE_BYTES);
    for (size_t i = 0; i < signature_length; i++) {
        if (signature[i] != 0) {
            return PSA_ERROR_INVALID_SIGNATURE;
        }
    }
    good_count++;
    if (!is_noted(hash)) {
        PROMISE(noted_count < NOTED_MAX);
        memcpy(noted[noted_count++], hash, EF_SHA256_BYTES);
    }
    return PSA_SUCCESS;
}

void signatures_forget(void) {
    noted_count = 0;
    good_count = 0;
}

unsigned signatures_good(void) {
    return good_count;
}

/* The encoding that is signed, built here in one piece: not with the core's own function. */
static void encode(ef_payload_kind kind, const uint8_t *payload, size_t length, uint8_t digest[EF_SHA256_BYTES]) {
    static uint8_t text[EF_MANIFEST_MAX + 256];
    size_t hashed = 0;
    const char *type = ef_payloads[kind].type;
    int head = snprintf((char *)text, sizeof text, "DSSEv1 %zu %s %zu ", strlen(type), type, length);
    PROMISE(head > 0 && (size_t)head + length <= sizeof text);
    memcpy(text + head, payload, length);
    PROMISE(psa_hash_compute(PSA_ALG_SHA_256, text, (size_t)head + length, digest, EF_SHA256_BYTES, &hashed) ==
            PSA_SUCCESS);
}

bool signature_was_good(ef_payload_kind kind, const uint8_t *payload, size_t length) {
    uint8_t digest[EF_SHA256_BYTES];
    encode(kind, payload, length, digest);
    return is_noted(digest);
}

size_t base64_write(const uint8_t *bytes, size_t length, char *out) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (size_t i = 0; i < length; i += 3) {
        size_t here = length - i < 3 ? length - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= here > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= here > 2 ? bytes[i + 2] : 0;
        for (size_t c = 0; c < 4; c++) {
            out[at++] = c <= here ? alphabet[group >> (18 - 6 * c) & 63] : '=';
        }
    }
    out[at] = '\0';
    return at;
}

const ef_key *trusted_key(void) {
    /* The generator of P-256 (SEC 2, 2.4.2): a point that everybody knows. seeds.py has its key id. */
    static const uint8_t generator[EF_POINT_BYTES] = {
        0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2,
        0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x4F,
        0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE,
        0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5};
    static ef_key key;
    if (key.keyid[0] == '\0') {
        PROMISE(psa_crypto_init() == PSA_SUCCESS && ef_key_load(&key, generator));
    }
    return &key;
}

size_t envelope_write(char *out, size_t capacity, ef_payload_kind kind, const uint8_t *payload, size_t length,
                      envelope_signature signature) {
    static const uint8_t zeros[EF_SIGNATURE_BYTES];
    static const uint8_t ones[EF_SIGNATURE_BYTES] = {1};
    static char text[EF_ENVELOPE_MAX * 2];
    char sig[96];
    if (length > EF_ENVELOPE_MAX) {
        return 0;
    }
    (void)base64_write(payload, length, text);
    (void)base64_write(signature == SIGNED_BADLY ? ones : zeros, sizeof zeros, sig);
    const char *keyid = signature == SIGNED_BY_A_STRANGER ? "0123456789abcdef" : trusted_key()->keyid;
    int written = snprintf(out, capacity,
                           "{\"payloadType\":\"%s\",\"payload\":\"%s\",\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"%s\"}]}",
                           ef_payloads[kind].type, text, keyid, sig);
    return written > 0 && (size_t)written < capacity ? (size_t)written : 0;
}
