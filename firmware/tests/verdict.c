#include "verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const ef_document *find_document(const char *name) {
    for (size_t i = 0; i < EF_DOCUMENT_COUNT; i++) {
        if (strcmp(ef_documents[i].name, name) == 0) {
            return &ef_documents[i];
        }
    }
    give_up("no such document", name);
}

static void put_utf8(FILE *out, int32_t point) {
    uint8_t bytes[4];
    size_t count = 0;
    if (point < 0x80) {
        bytes[count++] = (uint8_t)point;
    } else if (point < 0x800) {
        bytes[count++] = (uint8_t)(0xC0 | (point >> 6));
    } else if (point < 0x10000) {
        bytes[count++] = (uint8_t)(0xE0 | (point >> 12));
        bytes[count++] = (uint8_t)(0x80 | ((point >> 6) & 0x3F));
    } else {
        bytes[count++] = (uint8_t)(0xF0 | (point >> 18));
        bytes[count++] = (uint8_t)(0x80 | ((point >> 12) & 0x3F));
        bytes[count++] = (uint8_t)(0x80 | ((point >> 6) & 0x3F));
    }
    if (point >= 0x80) {
        bytes[count++] = (uint8_t)(0x80 | (point & 0x3F));
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%02x", bytes[i]);
    }
}

static void dump_scalar(const ef_json *json, uint16_t token, ef_value_type type, FILE *out) {
    if (type == EF_VALUE_NUMBER) {
        double value = ef_json_number(json, token);
        uint64_t bits = 0;
        memcpy(&bits, &value, sizeof bits);
        fprintf(out, "=n%016" PRIx64 "\n", bits);
        return;
    }
    switch (json->tokens[token].type) {
    case EF_JSON_INTEGER:
        fprintf(out, "=i%" PRId64 "\n", ef_json_integer(json, token));
        return;
    case EF_JSON_STRING: {
        ef_text text = ef_json_text(json, token);
        fprintf(out, "=s");
        for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text)) {
            put_utf8(out, c);
        }
        fprintf(out, "\n");
        return;
    }
    default:
        fprintf(out, "=%s\n", json->tokens[token].type == EF_JSON_TRUE ? "true" : "false");
    }
}

static void dump_object(const ef_json *json, uint16_t token, const ef_shape *shape, const char *path, FILE *out);

static void dump_value(const ef_json *json, uint16_t token, const ef_field *field, const char *path, FILE *out) {
    if (field->type == EF_VALUE_OBJECT) {
        dump_object(json, token, field->as.object, path, out);
        return;
    }
    fprintf(out, "%s", path);
    dump_scalar(json, token, field->type, out);
}

static void dump_object(const ef_json *json, uint16_t token, const ef_shape *shape, const char *path, FILE *out) {
    char below[256];
    for (size_t i = 0; i < shape->count; i++) {
        const ef_field *field = &shape->fields[i];
        uint16_t value = ef_json_member(json, token, field->name);
        if (value == EF_JSON_NONE) {
            continue;
        }
        snprintf(below, sizeof below, "%s.%s", path, field->name);
        if (!field->array) {
            dump_value(json, value, field, below, out);
            continue;
        }
        fprintf(out, "%s=#%u\n", below, (unsigned)ef_json_size(json, value));
        uint16_t item = (uint16_t)(value + 1);
        for (unsigned index = 0; item < json->tokens[value].next; item = json->tokens[item].next, index++) {
            snprintf(below, sizeof below, "%s.%s[%u]", path, field->name, index);
            dump_value(json, item, field, below, out);
        }
    }
}

static void dump_digest(const char *name, const uint8_t digest[EF_SHA256_BYTES], FILE *out) {
    fprintf(out, "%s=", name);
    for (size_t i = 0; i < EF_SHA256_BYTES; i++) {
        fprintf(out, "%02x", digest[i]);
    }
    fprintf(out, "\n");
}

static void dump_seen(const ef_seen *seen, FILE *out) {
    fprintf(out, "seen=%" PRId64 "\n", seen->number);
    dump_digest("digest", seen->digest, out);
}

static ef_reason judge_desired(const test_context *context, const uint8_t *bytes, size_t length,
                               const ef_workspace *workspace, FILE *out, ef_fault *fault) {
    ef_command command;
    ef_reason reason = ef_verify_desired(bytes, length, &context->desired, workspace, &command, fault);
    if (out != NULL && (reason == EF_REASON_OK || reason == EF_REASON_UNCHANGED)) {
        dump_seen(&command.seen, out);
        if (command.has_manifest) {
            dump_digest("manifest", command.manifest_digest, out);
            fprintf(out, "manifestBytes=%" PRIu32 "\n", command.manifest_bytes);
        }
        dump_object(&command.assignment, 0, ef_documents[EF_DOCUMENT_ASSIGNMENT].shape, "", out);
    }
    return reason;
}

static ef_reason judge_manifest(const test_context *context, const uint8_t *bytes, size_t length,
                                const ef_workspace *workspace, FILE *out, ef_fault *fault) {
    ef_manifest manifest;
    ef_reason reason = ef_verify_manifest(bytes, length, &context->manifest, workspace, &manifest, fault);
    if (out != NULL && reason == EF_REASON_OK) {
        dump_digest("sha256", manifest.sha256, out);
        fprintf(out, "%" PRId64 " %" PRIu32 " %" PRIu32 " %u\n", manifest.security_version, manifest.size_bytes,
                manifest.arena_bytes, (unsigned)manifest.tolerance_lsb);
        dump_object(&manifest.document, 0, ef_documents[EF_DOCUMENT_MANIFEST].shape, "", out);
    }
    return reason;
}

static ef_reason judge_key_bundle(const test_context *context, const uint8_t *bytes, size_t length,
                                  const ef_workspace *workspace, FILE *out, ef_fault *fault) {
    ef_key_bundle bundle;
    ef_reason reason =
        ef_verify_key_bundle(bytes, length, &context->keyring, &context->seen, workspace, &bundle, fault);
    if (out != NULL && (reason == EF_REASON_OK || reason == EF_REASON_UNCHANGED)) {
        dump_seen(&bundle.seen, out);
        for (size_t i = 0; i < bundle.release_count; i++) {
            fprintf(out, "release=%s\n", bundle.release_keys[i].keyid);
        }
        for (size_t i = 0; i < bundle.assignment_count; i++) {
            fprintf(out, "assignment=%s\n", bundle.assignment_keys[i].keyid);
        }
    }
    return reason;
}

static ef_reason judge_plain(const ef_document *document, const uint8_t *bytes, size_t length,
                             const ef_workspace *workspace, FILE *out, ef_fault *fault) {
    ef_json json;
    ef_reason reason =
        ef_contract_read(document, bytes, length, workspace->tokens, workspace->capacity, &json, fault);
    if (out != NULL && reason == EF_REASON_OK) {
        dump_object(&json, 0, document->shape, "", out);
    }
    return reason;
}

ef_reason judge(const char *document, const test_context *context, const uint8_t *bytes, size_t length, FILE *out,
                ef_fault *fault) {
    uint8_t *exact = malloc(length > 0 ? length : 1);
    ef_json_token *tokens = malloc(EF_JSON_TOKENS_MAX * sizeof *tokens);
    uint8_t *payload = malloc(EF_MANIFEST_MAX);
    if (exact == NULL || tokens == NULL || payload == NULL) {
        give_up("no memory", document);
    }
    memcpy(exact, bytes, length);
    memset(fault, 0, sizeof *fault);
    const ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, payload, EF_MANIFEST_MAX};
    ef_reason reason = EF_REASON_OK;
    if (context == NULL) {
        reason = judge_plain(find_document(document), exact, length, &workspace, out, fault);
    } else if (strcmp(context->check, "desired") == 0) {
        reason = judge_desired(context, exact, length, &workspace, out, fault);
    } else if (strcmp(context->check, "manifest") == 0) {
        reason = judge_manifest(context, exact, length, &workspace, out, fault);
    } else {
        reason = judge_key_bundle(context, exact, length, &workspace, out, fault);
    }
    free(payload);
    free(tokens);
    free(exact);
    return reason;
}
