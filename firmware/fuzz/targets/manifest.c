/* A manifest: raw bytes, or a payload that the target signs. Nothing is accepted without a signature, and each limit of
 * the device refuses what is one over it. */
#include <stdlib.h>
#include <string.h>

#include "edgefleet/base64.h"
#include "edgefleet/verify.h"
#include "envelope.h"
#include "input.h"
#include "promise.h"

enum { COMPOSED = 1, OTHER_DIGEST = 2, BAD_SIGNATURE = 4, STRANGER = 8, SOME_OPS = 16, KNOWN_SCHEMAS = 32 };

static ef_json_token tokens[EF_JSON_TOKENS_MAX];
static uint8_t payload[EF_MANIFEST_MAX];
static const ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, payload, sizeof payload};

static ef_reason verify(const uint8_t *bytes, size_t length, const ef_manifest_context *context,
                        ef_manifest *manifest) {
    ef_fault fault = {EF_REASON_OK, ""};
    memset(manifest, 0x5A, sizeof *manifest);
    ef_reason reason = ef_verify_manifest(bytes, length, context, &workspace, manifest, &fault);
    PROMISE(reason != EF_REASON_UNCHANGED && reason < EF_REASON_COUNT);
    PROMISE(memchr(fault.path, '\0', sizeof fault.path) != NULL);
    return reason;
}

/* The raw document's own digest, where it is an envelope at all: otherwise no raw document would be accepted. */
static void digest_of_payload(const uint8_t *bytes, size_t length, uint8_t digest[EF_SHA256_BYTES]) {
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_wrapped wrapped;
    size_t decoded = 0;
    memset(digest, 0, EF_SHA256_BYTES);
    if (ef_contract_read(&ef_documents[EF_DOCUMENT_ENVELOPE], bytes, length, tokens, EF_JSON_TOKENS_MAX, &json,
                         &fault) == EF_REASON_OK &&
        ef_dsse_open(&json, 0, &ef_payloads[EF_PAYLOAD_MANIFEST], &(ef_keyring){trusted_key(), 1},
                     sizeof payload, &wrapped, &fault) == EF_REASON_OK) {
        /* What was measured in pieces is what comes out at once. */
        PROMISE(ef_base64_decode(wrapped.text, payload, sizeof payload, &decoded) && decoded == wrapped.length);
        PROMISE(ef_sha256(payload, decoded, digest) && memcmp(digest, wrapped.sha256, EF_SHA256_BYTES) == 0);
        PROMISE(signature_was_good(EF_PAYLOAD_MANIFEST, payload, decoded));
    }
}

static void check_accepted(const uint8_t *bytes, size_t length, const ef_manifest_context *context,
                           const ef_manifest *first) {
    ef_manifest manifest = *first;
    ef_manifest_context other = *context;
    PROMISE(first->size_bytes > 0 && first->size_bytes <= context->slot_bytes);
    PROMISE(first->arena_bytes <= context->arena_bytes && first->security_version >= context->security_floor);
    PROMISE(verify(bytes, length, context, &manifest) == EF_REASON_OK);
    PROMISE(memcmp(manifest.sha256, first->sha256, EF_SHA256_BYTES) == 0 && manifest.size_bytes == first->size_bytes);
    other.digest[31] ^= 1;
    PROMISE(verify(bytes, length, &other, &manifest) == EF_REASON_MANIFEST_MISMATCH);
    other = *context;
    other.security_floor = first->security_version + 1;
    PROMISE(verify(bytes, length, &other, &manifest) == EF_REASON_SECURITY_VERSION_TOO_LOW);
    other = *context;
    other.slot_bytes = (int64_t)first->size_bytes - 1;
    PROMISE(verify(bytes, length, &other, &manifest) == EF_REASON_DOES_NOT_FIT);
    other = *context;
    other.arena_bytes = (int64_t)first->arena_bytes - 1;
    PROMISE(verify(bytes, length, &other, &manifest) == EF_REASON_ARENA_TOO_SMALL);
    other = *context;
    other.device_class = "esp32-other";
    PROMISE(verify(bytes, length, &other, &manifest) == EF_REASON_WRONG_CLASS);
    other = *context;
    other.release_keys.count = 0;
    PROMISE(verify(bytes, length, &other, &manifest) == EF_REASON_UNKNOWN_KEY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const ops[] = {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX"};
    static char text[EF_ENVELOPE_MAX + 1];
    fuzz_input input = {data, size};
    ef_manifest manifest;
    ef_manifest_context context = {.release_keys = {trusted_key(), 1},
                                   .device_class = "esp32-tflm",
                                   .security_floor = 3,
                                   .slot_bytes = 16384,
                                   .arena_bytes = 20480,
                                   .firmware = "1.4.0"};
    unsigned flags = input_byte(&input);
    bool composed = (flags & COMPOSED) != 0;
    envelope_signature how = (flags & BAD_SIGNATURE) != 0 ? SIGNED_BADLY
                             : (flags & STRANGER) != 0    ? SIGNED_BY_A_STRANGER
                                                          : SIGNED_WELL;
    context.ops = (flags & SOME_OPS) != 0 ? ops : NULL;
    context.ops_count = sizeof ops / sizeof ops[0];
    context.schemas = (flags & KNOWN_SCHEMAS) != 0 ? ef_feature_schemas : NULL;
    context.schemas_count = EF_FEATURE_SCHEMAS_COUNT;
    size_t length = input.left;
    if (composed) {
        length = envelope_write(text, sizeof text, EF_PAYLOAD_MANIFEST, input.at, input.left, how);
    }
    uint8_t *exact = copy_exactly(composed ? (const uint8_t *)text : input.at, length);
    signatures_forget();
    digest_of_payload(exact, length, context.digest);
    context.digest[0] ^= (flags & OTHER_DIGEST) != 0 ? 1 : 0;
    signatures_forget();
    ef_reason reason = verify(exact, length, &context, &manifest);
    PROMISE(reason != EF_REASON_OK || (signatures_good() == 1 && (flags & OTHER_DIGEST) == 0));
    PROMISE(!composed || how == SIGNED_WELL || signatures_good() == 0);
    if (reason == EF_REASON_OK) {
        check_accepted(exact, length, &context, &manifest);
    }
    free(exact);
    return 0;
}
