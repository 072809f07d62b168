#include "context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void give_up(const char *what, const char *which) {
    fprintf(stderr, "test: %s: %s\n", what, which);
    exit(2);
}

size_t split_line(char *line, char separator, char **columns, size_t most) {
    size_t count = 0;
    while (count < most) {
        columns[count++] = line;
        char *end = strchr(line, separator);
        if (end == NULL) {
            break;
        }
        *end = '\0';
        line = end + 1;
    }
    return count;
}

static void read_hex(const char *text, uint8_t *out, size_t length) {
    if (strlen(text) != 2 * length) {
        give_up("not hexadecimal of the right length", text);
    }
    for (size_t i = 0; i < length; i++) {
        unsigned value = 0;
        if (sscanf(text + 2 * i, "%2x", &value) != 1) {
            give_up("not hexadecimal", text);
        }
        out[i] = (uint8_t)value;
    }
}

static bool is_present(const char *column) {
    return strcmp(column, "-") != 0;
}

static int64_t read_integer(const char *column) {
    return is_present(column) ? strtoll(column, NULL, 10) : 0;
}

static void read_keys(char *column, test_context *context) {
    char *points[EF_KEYS_MAX];
    size_t count = is_present(column) ? split_line(column, ',', points, EF_KEYS_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t point[EF_POINT_BYTES];
        read_hex(points[i], point, sizeof point);
        if (!ef_key_load(&context->keys[i], point)) {
            give_up("not a point of P-256", points[i]);
        }
    }
    context->keyring.keys = context->keys;
    context->keyring.count = count;
}

/* Pairs of name and digest, with a colon between them. */
static void read_schemas(char *column, test_context *context) {
    char *pairs[CONTEXT_SCHEMAS_MAX];
    char *parts[2];
    size_t count = is_present(column) ? split_line(column, ',', pairs, CONTEXT_SCHEMAS_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        if (split_line(pairs[i], ':', parts, 2) != 2) {
            give_up("not a feature schema", pairs[i]);
        }
        context->schemas[i].name = parts[0];
        read_hex(parts[1], context->schemas[i].digest, EF_SHA256_BYTES);
    }
    context->manifest.schemas = count > 0 ? context->schemas : NULL;
    context->manifest.schemas_count = count;
}

void read_context(char *row, test_context *context) {
    char *columns[CONTEXT_COLUMNS];
    char *ops[CONTEXT_OPS_MAX];
    memset(context, 0, sizeof *context);
    if (split_line(row, '\t', columns, CONTEXT_COLUMNS) != CONTEXT_COLUMNS) {
        give_up("a context has another number of columns", row);
    }
    context->name = columns[0];
    context->check = columns[1];
    read_keys(columns[3], context);
    context->seen.number = read_integer(columns[4]);
    context->seen.has_digest = is_present(columns[5]);
    if (context->seen.has_digest) {
        read_hex(columns[5], context->seen.digest, EF_SHA256_BYTES);
    }
    context->desired = (ef_desired_context){columns[2], context->keyring, context->seen};
    if (is_present(columns[6])) {
        read_hex(columns[6], context->manifest.digest, EF_SHA256_BYTES);
    }
    context->manifest.release_keys = context->keyring;
    context->manifest.device_class = columns[7];
    context->manifest.security_floor = read_integer(columns[8]);
    context->manifest.slot_bytes = read_integer(columns[9]);
    context->manifest.arena_bytes = read_integer(columns[10]);
    context->manifest.firmware = columns[11];
    if (is_present(columns[12])) {
        context->manifest.ops_count = split_line(columns[12], ',', ops, CONTEXT_OPS_MAX);
        for (size_t i = 0; i < context->manifest.ops_count; i++) {
            context->ops[i] = ops[i];
        }
        context->manifest.ops = context->ops;
    }
    read_schemas(columns[13], context);
}
