#include "edgefleet/contract.h"

#include <string.h>

#include "edgefleet/pattern.h"

static ef_reason check_object(const ef_json *json, uint16_t token, const ef_shape *shape, ef_fault *fault);

void ef_path_append(ef_fault *fault, const char *step) {
    size_t used = strlen(fault->path);
    if (used == 0 && *step == '.') {
        step++;
    }
    size_t length = strlen(step);
    size_t room = sizeof fault->path - 1 - used;
    if (length > room) {
        length = room;
    }
    memcpy(fault->path + used, step, length);
    fault->path[used + length] = '\0';
}

ef_reason ef_fault_at(ef_fault *fault, ef_reason reason, const char *step) {
    fault->reason = reason;
    ef_path_append(fault, step);
    return reason;
}

static void append_index(ef_fault *fault, unsigned index) {
    char step[8];
    size_t at = sizeof step;
    step[--at] = '\0';
    step[--at] = ']';
    do {
        step[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index > 0 && at > 1);
    step[--at] = '[';
    ef_path_append(fault, step + at);
}

static bool has_type(ef_value_type type, unsigned token_type) {
    switch (type) {
    case EF_VALUE_SCHEMA:
    case EF_VALUE_INTEGER:
        return token_type == EF_JSON_INTEGER;
    case EF_VALUE_NUMBER:
        return token_type == EF_JSON_INTEGER || token_type == EF_JSON_FLOAT;
    case EF_VALUE_BOOLEAN:
    case EF_VALUE_TRUE:
        return token_type == EF_JSON_TRUE || token_type == EF_JSON_FALSE;
    case EF_VALUE_TEXT:
    case EF_VALUE_CHOICE:
        return token_type == EF_JSON_STRING;
    default:
        return token_type == EF_JSON_OBJECT;
    }
}

static bool is_choice(const ef_json *json, uint16_t token, const ef_choices *choices) {
    for (size_t i = 0; i < choices->count; i++) {
        if (ef_json_text_is(json, token, choices->texts[i])) {
            return true;
        }
    }
    return false;
}

static bool is_allowed_text(ef_text text, const ef_text_bounds *bounds) {
    ef_text counted = text;
    uint32_t length = 0;
    while (length <= bounds->most && ef_text_next(&counted) != EF_TEXT_END) {
        length++;
    }
    return length >= bounds->least && length <= bounds->most && ef_pattern_matches(bounds->pattern, text);
}

static bool has_allowed_value(const ef_json *json, uint16_t token, const ef_field *field) {
    switch (field->type) {
    case EF_VALUE_INTEGER: {
        int64_t value = ef_json_integer(json, token);
        return value >= field->as.integer.low && value <= field->as.integer.high;
    }
    case EF_VALUE_NUMBER: {
        double value = ef_json_number(json, token);
        return value >= field->as.number.low && value <= field->as.number.high;
    }
    case EF_VALUE_TRUE:
        return json->tokens[token].type == EF_JSON_TRUE;
    case EF_VALUE_TEXT:
        return is_allowed_text(ef_json_text(json, token), &field->as.text);
    case EF_VALUE_CHOICE:
        return is_choice(json, token, &field->as.choices);
    default:
        return true;
    }
}

static ef_reason check_value(const ef_json *json, uint16_t token, const ef_field *field, ef_reason value_fault,
                             ef_fault *fault) {
    if (field->type == EF_VALUE_OBJECT) {
        return check_object(json, token, field->as.object, fault);
    }
    if (!has_type(field->type, json->tokens[token].type)) {
        return ef_fault_at(fault, EF_REASON_WRONG_TYPE, "");
    }
    if (field->type == EF_VALUE_SCHEMA && ef_json_integer(json, token) != EF_SCHEMA_VERSION) {
        return ef_fault_at(fault, EF_REASON_UNSUPPORTED_SCHEMA, "");
    }
    return has_allowed_value(json, token, field) ? EF_REASON_OK : ef_fault_at(fault, value_fault, "");
}

static ef_reason check_field(const ef_json *json, uint16_t token, const ef_field *field, ef_reason value_fault,
                             ef_fault *fault) {
    if (!field->array) {
        return check_value(json, token, field, value_fault, fault);
    }
    if (json->tokens[token].type != EF_JSON_ARRAY) {
        return ef_fault_at(fault, EF_REASON_WRONG_TYPE, "");
    }
    uint16_t size = ef_json_size(json, token);
    if (size < field->least_items || size > field->most_items) {
        return ef_fault_at(fault, value_fault, "");
    }
    size_t mark = strlen(fault->path);
    uint16_t item = (uint16_t)(token + 1);
    for (unsigned i = 0; i < size; i++, item = json->tokens[item].next) {
        append_index(fault, i);
        ef_reason reason = check_value(json, item, field, value_fault, fault);
        if (reason != EF_REASON_OK) {
            return reason;
        }
        fault->path[mark] = '\0';
    }
    return EF_REASON_OK;
}

/* Recursion is bounded by the nesting of the generated shapes, which no input can change. */
static ef_reason check_object(const ef_json *json, uint16_t token, const ef_shape *shape, ef_fault *fault) {
    if (json->tokens[token].type != EF_JSON_OBJECT) {
        return ef_fault_at(fault, EF_REASON_WRONG_TYPE, "");
    }
    size_t mark = strlen(fault->path);
    for (size_t i = 0; i < shape->count; i++) {
        const ef_field *field = &shape->fields[i];
        uint16_t value = ef_json_member(json, token, field->name);
        if (value == EF_JSON_NONE && !field->required) {
            continue;
        }
        ef_path_append(fault, ".");
        ef_path_append(fault, field->name);
        if (value == EF_JSON_NONE) {
            return ef_fault_at(fault, EF_REASON_MISSING_FIELD, "");
        }
        ef_reason reason = check_field(json, value, field, shape->value_fault, fault);
        if (reason != EF_REASON_OK) {
            return reason;
        }
        fault->path[mark] = '\0';
    }
    return ef_rule_check(shape->rule, json, token, fault);
}

ef_reason ef_contract_read(const ef_document *document, const uint8_t *bytes, size_t length, ef_json_token *tokens,
                           size_t capacity, ef_json *json, ef_fault *fault) {
    fault->reason = EF_REASON_OK;
    if (length > document->max_bytes) {
        return ef_fault_at(fault, EF_REASON_TOO_LARGE, "");
    }
    ef_reason reason = ef_json_parse(bytes, length, tokens, capacity, json);
    if (reason != EF_REASON_OK) {
        return ef_fault_at(fault, reason, "");
    }
    return check_object(json, 0, document->shape, fault);
}
