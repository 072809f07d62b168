#include "edgefleet/verify.h"

#include <string.h>

#include "edgefleet/base64.h"
#include "edgefleet/semver.h"

static int hex_digit(int32_t c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* A text that matched EF_PATTERN_SHA256. */
static void read_digest(const ef_json *json, uint16_t token, uint8_t digest[EF_SHA256_BYTES]) {
    ef_text text = ef_json_text(json, token);
    for (size_t i = 0; i < EF_SHA256_BYTES; i++) {
        int high = hex_digit(ef_text_next(&text));
        digest[i] = (uint8_t)(high * 16 + hex_digit(ef_text_next(&text)));
    }
}

/* Reads an optional object's digest member; false when the object is absent. */
static bool read_reference(const ef_json *json, ef_command *command) {
    uint16_t manifest = ef_json_member(json, 0, "manifest");
    if (manifest == EF_JSON_NONE) {
        return false;
    }
    read_digest(json, ef_json_member(json, manifest, "digest"), command->manifest_digest);
    command->manifest_bytes = (uint32_t)ef_json_integer(json, ef_json_member(json, manifest, "sizeBytes"));
    return true;
}

/* Opens the envelope at `token`, then reads its payload into the same tokens. */
static ef_reason read_payload(ef_json *json, uint16_t token, const ef_payload *kind, const ef_keyring *trusted,
                              const ef_workspace *workspace, ef_seen *seen, ef_fault *fault) {
    ef_wrapped payload;
    size_t length = 0;
    ef_reason reason = ef_dsse_open(json, token, kind, trusted, workspace->payload_capacity, &payload, fault);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    seen->has_digest = true;
    memcpy(seen->digest, payload.sha256, EF_SHA256_BYTES);
    (void)ef_base64_decode(payload.text, workspace->payload, workspace->payload_capacity, &length);
    ef_path_append(fault, ".payload");
    return ef_contract_read(kind->document, workspace->payload, length, workspace->tokens, workspace->capacity, json,
                            fault);
}

/* Lower is stale; equal is the same command only with the same bytes. */
static ef_reason check_age(const ef_seen *offered, const ef_seen *seen, const char *step, ef_fault *fault) {
    bool other_bytes = seen->has_digest && memcmp(offered->digest, seen->digest, EF_SHA256_BYTES) != 0;
    if (offered->number < seen->number || (offered->number == seen->number && other_bytes)) {
        return ef_fault_at(fault, EF_REASON_STALE_GENERATION, step);
    }
    return offered->number == seen->number ? EF_REASON_UNCHANGED : EF_REASON_OK;
}

ef_reason ef_verify_desired(const uint8_t *bytes, size_t length, const ef_desired_context *context,
                            const ef_workspace *workspace, ef_command *command, ef_fault *fault) {
    ef_json *json = &command->assignment;
    uint8_t assigned[EF_SHA256_BYTES];
    ef_reason reason = ef_contract_read(&ef_document_desired, bytes, length, workspace->tokens,
                                        workspace->capacity, json, fault);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    command->has_manifest = read_reference(json, command);
    ef_path_append(fault, ".assignment");
    reason = read_payload(json, ef_json_member(json, 0, "assignment"), &ef_payloads[EF_PAYLOAD_ASSIGNMENT],
                          &context->assignment_keys, workspace, &command->seen, fault);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    if (!ef_json_text_is(json, ef_json_member(json, 0, "deviceID"), context->device_id)) {
        return ef_fault_at(fault, EF_REASON_WRONG_DEVICE, ".deviceID");
    }
    command->seen.number = ef_json_integer(json, ef_json_member(json, 0, "generation"));
    reason = check_age(&command->seen, &context->seen, ".generation", fault);
    if (reason != EF_REASON_OK && reason != EF_REASON_UNCHANGED) {
        return reason;
    }
    uint16_t digest = ef_json_member(json, 0, "manifestDigest");
    bool agrees = (digest != EF_JSON_NONE) == command->has_manifest;
    if (agrees && command->has_manifest) {
        read_digest(json, digest, assigned);
        agrees = memcmp(assigned, command->manifest_digest, EF_SHA256_BYTES) == 0;
    }
    if (!agrees) {
        fault->path[0] = '\0';
        return ef_fault_at(fault, EF_REASON_MANIFEST_MISMATCH, "manifest");
    }
    fault->path[0] = '\0';
    return reason;
}

static int64_t integer_of(const ef_json *json, const char *name) {
    return ef_json_integer(json, ef_json_member(json, 0, name));
}

static bool firmware_is_old(const ef_json *json, const char *firmware) {
    char wanted[EF_SEMVER_MAX + 1];
    uint16_t token = ef_json_member(json, 0, "minFirmware");
    if (token == EF_JSON_NONE) {
        return false;
    }
    return !ef_text_copy(ef_json_text(json, token), wanted, sizeof wanted) || ef_semver_compare(firmware, wanted) < 0;
}

static bool has_op(const ef_json *json, uint16_t op, const ef_manifest_context *context) {
    for (size_t i = 0; i < context->ops_count; i++) {
        if (ef_json_text_is(json, op, context->ops[i])) {
            return true;
        }
    }
    return false;
}

static ef_reason check_ops(const ef_json *json, const ef_manifest_context *context, ef_fault *fault) {
    uint16_t ops = ef_json_member(json, 0, "ops");
    uint16_t end = json->tokens[ops].next;
    char step[] = ".ops[00]";
    unsigned index = 0;
    for (uint16_t op = (uint16_t)(ops + 1); op < end && context->ops != NULL; op = json->tokens[op].next, index++) {
        if (!has_op(json, op, context)) {
            /* At most EF_OPS_MAX operators: two digits. */
            char *digit = step + 5;
            if (index >= 10) {
                *digit++ = (char)('0' + index / 10);
            }
            digit[0] = (char)('0' + index % 10);
            digit[1] = ']';
            digit[2] = '\0';
            return ef_fault_at(fault, EF_REASON_OP_UNSUPPORTED, step);
        }
    }
    return EF_REASON_OK;
}

/* A schema is what its digest says; a name alone would let a model read features that mean something else. */
static bool has_schema(const ef_json *json, uint16_t wanted, const ef_manifest_context *context) {
    uint8_t digest[EF_SHA256_BYTES];
    uint16_t name = ef_json_member(json, wanted, "name");
    read_digest(json, ef_json_member(json, wanted, "digest"), digest);
    for (size_t i = 0; i < context->schemas_count; i++) {
        const ef_feature_schema *schema = &context->schemas[i];
        if (ef_json_text_is(json, name, schema->name) && memcmp(digest, schema->digest, sizeof digest) == 0) {
            return true;
        }
    }
    return false;
}

static ef_reason check_features(const ef_json *json, const ef_manifest_context *context, ef_fault *fault) {
    if (context->schemas == NULL || has_schema(json, ef_json_member(json, 0, "featureSchema"), context)) {
        return EF_REASON_OK;
    }
    return ef_fault_at(fault, EF_REASON_FEATURE_SCHEMA_UNKNOWN, ".featureSchema");
}

static ef_reason check_fit(const ef_json *json, const ef_manifest_context *context, ef_fault *fault) {
    if (!ef_json_text_is(json, ef_json_member(json, 0, "deviceClass"), context->device_class)) {
        return ef_fault_at(fault, EF_REASON_WRONG_CLASS, ".deviceClass");
    }
    if (integer_of(json, "securityVersion") < context->security_floor) {
        return ef_fault_at(fault, EF_REASON_SECURITY_VERSION_TOO_LOW, ".securityVersion");
    }
    if (firmware_is_old(json, context->firmware)) {
        return ef_fault_at(fault, EF_REASON_FIRMWARE_TOO_OLD, ".minFirmware");
    }
    if (integer_of(json, "sizeBytes") > context->slot_bytes) {
        return ef_fault_at(fault, EF_REASON_DOES_NOT_FIT, ".sizeBytes");
    }
    if (integer_of(json, "arenaBytes") > context->arena_bytes) {
        return ef_fault_at(fault, EF_REASON_ARENA_TOO_SMALL, ".arenaBytes");
    }
    ef_reason reason = check_ops(json, context, fault);
    return reason == EF_REASON_OK ? check_features(json, context, fault) : reason;
}

static const uint8_t *put_into_workspace(const ef_workspace *workspace, const ef_wrapped *payload) {
    size_t length = 0;
    return ef_base64_decode(payload->text, workspace->payload, workspace->payload_capacity, &length)
               ? workspace->payload
               : NULL;
}

/* Reads a manifest's envelope, and the payload that was assigned. */
static ef_reason read_manifest(const uint8_t *bytes, size_t length, const ef_manifest_context *context,
                               const ef_workspace *workspace, ef_json *json, ef_fault *fault) {
    ef_wrapped payload;
    const ef_payload *kind = &ef_payloads[EF_PAYLOAD_MANIFEST];
    ef_reason reason = ef_contract_read(&ef_document_envelope, bytes, length, workspace->tokens, workspace->capacity,
                                        json, fault);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    size_t most = context->unwrap != NULL ? kind->max_bytes : workspace->payload_capacity;
    reason = ef_dsse_open(json, 0, kind, &context->release_keys, most, &payload, fault);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    ef_path_append(fault, ".payload");
    if (memcmp(payload.sha256, context->digest, EF_SHA256_BYTES) != 0) {
        /* Not what was assigned, whatever it says. */
        return ef_fault_at(fault, EF_REASON_MANIFEST_MISMATCH, "");
    }
    const uint8_t *document = context->unwrap != NULL ? context->unwrap(context->place, &payload)
                                                      : put_into_workspace(workspace, &payload);
    if (document == NULL) {
        return ef_fault_at(fault, EF_REASON_FLASH_ERROR, "");
    }
    return ef_contract_read(kind->document, document, payload.length, workspace->tokens, workspace->capacity, json,
                            fault);
}

ef_reason ef_verify_manifest(const uint8_t *bytes, size_t length, const ef_manifest_context *context,
                             const ef_workspace *workspace, ef_manifest *manifest, ef_fault *fault) {
    ef_json *json = &manifest->document;
    ef_reason reason = read_manifest(bytes, length, context, workspace, json, fault);
    if (reason == EF_REASON_OK) {
        reason = check_fit(json, context, fault);
    }
    if (reason != EF_REASON_OK) {
        return reason;
    }
    fault->path[0] = '\0';
    manifest->security_version = integer_of(json, "securityVersion");
    read_digest(json, ef_json_member(json, 0, "sha256"), manifest->sha256);
    manifest->size_bytes = (uint32_t)integer_of(json, "sizeBytes");
    manifest->arena_bytes = (uint32_t)integer_of(json, "arenaBytes");
    manifest->tolerance_lsb = (uint8_t)integer_of(json, "toleranceLsb");
    return EF_REASON_OK;
}

/* Whether the last of `count` keys was there before. */
static bool is_listed_twice(const ef_key *keys, size_t count) {
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(keys[i].keyid, keys[count - 1].keyid) == 0) {
            return true;
        }
    }
    return false;
}

static ef_reason load_keys(const ef_json *json, const char *name, ef_key *keys, size_t *count, ef_fault *fault) {
    uint16_t array = ef_json_member(json, 0, name);
    uint16_t end = json->tokens[array].next;
    char index[] = "[0]";
    *count = 0;
    for (uint16_t each = (uint16_t)(array + 1); each < end; each = json->tokens[each].next, (*count)++) {
        uint8_t point[EF_POINT_BYTES];
        size_t length = 0;
        const char *member = NULL;
        ef_text text = ef_json_text(json, ef_json_member(json, each, "publicKey"));
        if (!ef_base64_decode(text, point, sizeof point, &length) || !ef_key_load(&keys[*count], point)) {
            member = ".publicKey";
        } else if (!ef_json_text_is(json, ef_json_member(json, each, "keyid"), keys[*count].keyid) ||
                   is_listed_twice(keys, *count + 1)) {
            member = ".keyid";
        }
        if (member != NULL) {
            index[1] = (char)('0' + *count);
            ef_path_append(fault, ".");
            ef_path_append(fault, name);
            ef_path_append(fault, index);
            return ef_fault_at(fault, EF_REASON_OUT_OF_RANGE, member);
        }
    }
    return EF_REASON_OK;
}

static ef_reason load_bundle(const ef_json *json, ef_key_bundle *bundle, ef_fault *fault) {
    ef_reason reason = load_keys(json, "releaseKeys", bundle->release_keys, &bundle->release_count, fault);
    if (reason == EF_REASON_OK) {
        reason = load_keys(json, "assignmentKeys", bundle->assignment_keys, &bundle->assignment_count, fault);
    }
    if (reason == EF_REASON_OK) {
        fault->path[0] = '\0';
    }
    return reason;
}

ef_reason ef_verify_key_bundle(const uint8_t *bytes, size_t length, const ef_keyring *release_keys,
                               const ef_seen *seen, const ef_workspace *workspace, ef_key_bundle *bundle,
                               ef_fault *fault) {
    ef_json json;
    ef_reason reason = ef_contract_read(&ef_document_envelope, bytes, length, workspace->tokens, workspace->capacity,
                                        &json, fault);
    if (reason == EF_REASON_OK) {
        reason = read_payload(&json, 0, &ef_payloads[EF_PAYLOAD_KEY_BUNDLE], release_keys, workspace, &bundle->seen,
                              fault);
    }
    if (reason != EF_REASON_OK) {
        return reason;
    }
    bundle->seen.number = integer_of(&json, "version");
    ef_reason age = check_age(&bundle->seen, seen, ".version", fault);
    if (age != EF_REASON_OK && age != EF_REASON_UNCHANGED) {
        return age;
    }
    reason = load_bundle(&json, bundle, fault);
    return reason == EF_REASON_OK ? age : reason;
}

ef_reason ef_read_key_bundle(const uint8_t *bytes, size_t length, const ef_workspace *workspace, ef_key_bundle *bundle,
                             ef_fault *fault) {
    ef_json json;
    ef_reason reason = ef_contract_read(&ef_document_key_bundle, bytes, length, workspace->tokens,
                                        workspace->capacity, &json, fault);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    bundle->seen.number = integer_of(&json, "version");
    bundle->seen.has_digest = ef_sha256(bytes, length, bundle->seen.digest);
    return load_bundle(&json, bundle, fault);
}
