#include "edgefleet/dsse.h"

#include <psa/crypto.h>
#include <string.h>

#include "edgefleet/base64.h"

/* Bytes decoded at a time. */
enum { CHUNK_BYTES = 96 };

/* The SubjectPublicKeyInfo of a P-256 key is this prefix and the point (RFC 5480). */
static const uint8_t spki_prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                      0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

/* The first thing that goes wrong is the end of it. */
typedef struct {
    psa_hash_operation_t operation;
    psa_status_t status;
} hash;

/* In place: PSA allows no copy of an operation that is under way. */
static void begin_hash(hash *h) {
    h->operation = psa_hash_operation_init();
    h->status = psa_hash_setup(&h->operation, PSA_ALG_SHA_256);
}

static void add(hash *h, const void *bytes, size_t length) {
    if (h->status == PSA_SUCCESS) {
        h->status = psa_hash_update(&h->operation, bytes, length);
    }
}

static void add_base64(hash *h, ef_text text) {
    uint8_t bytes[CHUNK_BYTES];
    size_t length = 0;
    while (h->status == PSA_SUCCESS && (length = ef_base64_read(&text, bytes, sizeof bytes)) > 0) {
        add(h, bytes, length);
    }
}

static bool end_hash(hash *h, uint8_t digest[EF_SHA256_BYTES]) {
    size_t length = 0;
    if (h->status == PSA_SUCCESS) {
        h->status = psa_hash_finish(&h->operation, digest, EF_SHA256_BYTES, &length);
    }
    if (h->status != PSA_SUCCESS) {
        (void)psa_hash_abort(&h->operation);
    }
    return h->status == PSA_SUCCESS && length == EF_SHA256_BYTES;
}

bool ef_sha256(const uint8_t *bytes, size_t length, uint8_t digest[EF_SHA256_BYTES]) {
    hash h;
    begin_hash(&h);
    add(&h, bytes, length);
    return end_hash(&h, digest);
}

bool ef_wrapped_measure(ef_text text, ef_wrapped *payload) {
    payload->text = text;
    if (!ef_base64_decode(text, NULL, 0, &payload->length)) {
        return false;
    }
    hash h;
    begin_hash(&h);
    add_base64(&h, text);
    return end_hash(&h, payload->sha256);
}

static void add_decimal(hash *h, size_t value) {
    char buffer[20];
    size_t at = sizeof buffer;
    do {
        buffer[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    add(h, buffer + at, sizeof buffer - at);
}

/* DSSE, protocol.md: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body. This is all but the body. */
static void begin_encoding(hash *h, const char *payload_type, size_t length) {
    size_t type_length = strlen(payload_type);
    begin_hash(h);
    add(h, "DSSEv1 ", 7);
    add_decimal(h, type_length);
    add(h, " ", 1);
    add(h, payload_type, type_length);
    add(h, " ", 1);
    add_decimal(h, length);
    add(h, " ", 1);
}

bool ef_dsse_digest(const char *payload_type, const uint8_t *payload, size_t length, uint8_t digest[EF_SHA256_BYTES]) {
    hash h;
    begin_encoding(&h, payload_type, length);
    add(&h, payload, length);
    return end_hash(&h, digest);
}

static bool digest_wrapped(const char *payload_type, const ef_wrapped *payload, uint8_t digest[EF_SHA256_BYTES]) {
    hash h;
    begin_encoding(&h, payload_type, payload->length);
    add_base64(&h, payload->text);
    return end_hash(&h, digest);
}

static bool import_key(const uint8_t point[EF_POINT_BYTES], psa_key_id_t *id) {
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_HASH);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    return psa_import_key(&attributes, point, EF_POINT_BYTES, id) == PSA_SUCCESS;
}

bool ef_key_load(ef_key *key, const uint8_t point[EF_POINT_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    psa_key_id_t id = 0;
    uint8_t digest[EF_SHA256_BYTES];
    if (!import_key(point, &id)) {
        return false;
    }
    (void)psa_destroy_key(id);
    hash h;
    begin_hash(&h);
    add(&h, spki_prefix, sizeof spki_prefix);
    add(&h, point, EF_POINT_BYTES);
    if (!end_hash(&h, digest)) {
        return false;
    }
    for (size_t i = 0; i < EF_KEY_ID_CHARS / 2; i++) {
        key->keyid[2 * i] = digits[digest[i] >> 4];
        key->keyid[2 * i + 1] = digits[digest[i] & 15];
    }
    key->keyid[EF_KEY_ID_CHARS] = '\0';
    memcpy(key->point, point, EF_POINT_BYTES);
    return true;
}

static bool signature_holds(const ef_key *key, const uint8_t digest[EF_SHA256_BYTES],
                            const uint8_t signature[EF_SIGNATURE_BYTES]) {
    psa_key_id_t id = 0;
    if (!import_key(key->point, &id)) {
        return false;
    }
    psa_status_t status = psa_verify_hash(id, PSA_ALG_ECDSA(PSA_ALG_SHA_256), digest, EF_SHA256_BYTES, signature,
                                          EF_SIGNATURE_BYTES);
    (void)psa_destroy_key(id);
    return status == PSA_SUCCESS;
}

static const ef_key *find_key(const ef_json *json, uint16_t signature, const ef_keyring *trusted) {
    uint16_t keyid = ef_json_member(json, signature, "keyid");
    for (size_t i = 0; i < trusted->count; i++) {
        if (ef_json_text_is(json, keyid, trusted->keys[i].keyid)) {
            return &trusted->keys[i];
        }
    }
    return NULL;
}

/* One good signature of a trusted key is enough. */
static ef_reason check_signatures(const ef_json *json, uint16_t envelope, const ef_keyring *trusted,
                                  const uint8_t digest[EF_SHA256_BYTES]) {
    ef_reason reason = EF_REASON_UNKNOWN_KEY;
    uint16_t signatures = ef_json_member(json, envelope, "signatures");
    uint16_t end = json->tokens[signatures].next;
    for (uint16_t each = (uint16_t)(signatures + 1); each < end; each = json->tokens[each].next) {
        const ef_key *key = find_key(json, each, trusted);
        if (key == NULL) {
            continue;
        }
        uint8_t signature[EF_SIGNATURE_BYTES];
        size_t length = 0;
        ef_text text = ef_json_text(json, ef_json_member(json, each, "sig"));
        reason = EF_REASON_BAD_SIGNATURE;
        if (ef_base64_decode(text, signature, sizeof signature, &length) && length == sizeof signature &&
            signature_holds(key, digest, signature)) {
            return EF_REASON_OK;
        }
    }
    return reason;
}

ef_reason ef_dsse_open(const ef_json *json, uint16_t envelope, const ef_payload *kind, const ef_keyring *trusted,
                       size_t most, ef_wrapped *payload, ef_fault *fault) {
    uint8_t digest[EF_SHA256_BYTES];
    if (!ef_json_text_is(json, ef_json_member(json, envelope, "payloadType"), kind->type)) {
        return ef_fault_at(fault, EF_REASON_BAD_ENVELOPE, ".payloadType");
    }
    size_t limit = most < kind->max_bytes ? most : kind->max_bytes;
    ef_reason reason = EF_REASON_BAD_SIGNATURE;
    /* The shape has shown that it is base64. */
    bool measured = ef_wrapped_measure(ef_json_text(json, ef_json_member(json, envelope, "payload")), payload);
    if (payload->length > limit) {
        return ef_fault_at(fault, EF_REASON_TOO_LARGE, ".payload");
    }
    if (measured && digest_wrapped(kind->type, payload, digest)) {
        reason = check_signatures(json, envelope, trusted, digest);
    }
    return reason == EF_REASON_OK ? reason : ef_fault_at(fault, reason, ".signatures");
}
