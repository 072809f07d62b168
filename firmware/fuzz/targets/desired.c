/* A command for a device: raw bytes, or an assignment that the target signs. Nothing is obeyed without a signature, and
 * age and device decide as they must. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgefleet/verify.h"
#include "envelope.h"
#include "input.h"
#include "promise.h"
#include "rewrite.h"

enum { COMPOSED = 1, WITH_MANIFEST = 2, OTHER_MANIFEST = 4, SEEN_MANY = 8, BAD_SIGNATURE = 16, STRANGER = 32 };

static ef_json_token tokens[EF_JSON_TOKENS_MAX];
static uint8_t payload[EF_ASSIGNMENT_MAX];
static const ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, payload, sizeof payload};

static void find_digest(const uint8_t *bytes, size_t length, char out[65]) {
    ef_json json;
    uint16_t token = EF_JSON_NONE;
    if (ef_json_parse(bytes, length, tokens, EF_JSON_TOKENS_MAX, &json) == EF_REASON_OK &&
        json.tokens[0].type == EF_JSON_OBJECT) {
        token = ef_json_member(&json, 0, "manifestDigest");
    }
    if (token == EF_JSON_NONE || json.tokens[token].type != EF_JSON_STRING ||
        !ef_text_copy(ef_json_text(&json, token), out, 65)) {
        (void)snprintf(out, 65, "%064d", 0);
    }
}

/* The document around an assignment; the unsigned part says the same, unless it shall not. */
static size_t compose(unsigned flags, fuzz_input *input, char *out, size_t capacity) {
    static char envelope[EF_ENVELOPE_MAX];
    char digest[65];
    char manifest[160] = "";
    uint16_t size = input_u16(input);
    envelope_signature how = (flags & BAD_SIGNATURE) != 0 ? SIGNED_BADLY
                             : (flags & STRANGER) != 0    ? SIGNED_BY_A_STRANGER
                                                          : SIGNED_WELL;
    if (envelope_write(envelope, sizeof envelope, EF_PAYLOAD_ASSIGNMENT, input->at, input->left, how) == 0) {
        return 0;
    }
    if ((flags & WITH_MANIFEST) != 0) {
        find_digest(input->at, input->left, digest);
        digest[0] = (flags & OTHER_MANIFEST) != 0 ? 'f' : digest[0];
        (void)snprintf(manifest, sizeof manifest, "\"manifest\":{\"digest\":\"%s\",\"sizeBytes\":%u},", digest, size);
    }
    int length = snprintf(out, capacity, "{\"schema\":1,\"command\":\"download-model\",\"payload\":\"\",%s\"assignment\":%s}",
                          manifest, envelope);
    return length > 0 && (size_t)length < capacity ? (size_t)length : 0;
}

static ef_reason verify(const uint8_t *bytes, size_t length, const ef_desired_context *context, ef_command *command) {
    ef_fault fault = {EF_REASON_OK, ""};
    memset(command, 0x5A, sizeof *command);
    ef_reason reason = ef_verify_desired(bytes, length, context, &workspace, command, &fault);
    PROMISE(reason <= EF_REASON_MANIFEST_MISMATCH);
    PROMISE(memchr(fault.path, '\0', sizeof fault.path) != NULL);
    return reason;
}

/* What was accepted is refused when one thing is otherwise. */
static void check_accepted(const uint8_t *bytes, size_t length, const ef_desired_context *context,
                           const ef_command *first) {
    ef_command command = *first;
    ef_desired_context other = *context;
    size_t signed_length = command.assignment.tokens[0].end;
    PROMISE(command.seen.number > 0 && command.seen.has_digest && command.seen.number >= context->seen.number);
    PROMISE(ef_json_text_is(&command.assignment, ef_json_member(&command.assignment, 0, "deviceID"), "esp32-0001"));
    /* Whitespace behind the object is signed too. */
    while (signed_length < sizeof payload && strchr(" \t\r\n", payload[signed_length]) != NULL &&
           payload[signed_length] != '\0' && !signature_was_good(EF_PAYLOAD_ASSIGNMENT, payload, signed_length)) {
        signed_length++;
    }
    PROMISE(signature_was_good(EF_PAYLOAD_ASSIGNMENT, payload, signed_length));
    other.seen = command.seen;
    PROMISE(verify(bytes, length, &other, &command) == EF_REASON_UNCHANGED);
    other.seen.digest[0] ^= 1;
    PROMISE(verify(bytes, length, &other, &command) == EF_REASON_STALE_GENERATION);
    if (first->seen.number < INT64_MAX) {
        other.seen = (ef_seen){first->seen.number + 1, false, {0}};
        PROMISE(verify(bytes, length, &other, &command) == EF_REASON_STALE_GENERATION);
    }
    other = *context;
    other.device_id = "esp32-0002";
    PROMISE(verify(bytes, length, &other, &command) == EF_REASON_WRONG_DEVICE);
    other.assignment_keys.count = 0;
    PROMISE(verify(bytes, length, &other, &command) == EF_REASON_UNKNOWN_KEY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[EF_ENVELOPE_MAX * 2];
    fuzz_input input = {data, size};
    ef_command command;
    unsigned flags = input_byte(&input);
    ef_desired_context context = {"esp32-0001", {trusted_key(), 1}, {0, false, {0}}};
    context.seen.number = (flags & SEEN_MANY) != 0 ? (int64_t)input_u64(&input) : 0;
    size_t length = (flags & COMPOSED) != 0 ? compose(flags, &input, text, sizeof text) : input.left;
    uint8_t *exact = copy_exactly((flags & COMPOSED) != 0 ? (const uint8_t *)text : input.at, length);
    signatures_forget();
    ef_reason reason = verify(exact, length, &context, &command);
    PROMISE(reason != EF_REASON_OK || signatures_good() == 1);
    PROMISE((flags & COMPOSED) == 0 || (flags & (BAD_SIGNATURE | STRANGER)) == 0 || signatures_good() == 0);
    if (reason == EF_REASON_OK) {
        check_accepted(exact, length, &context, &command);
    }
    free(exact);
    return 0;
}
