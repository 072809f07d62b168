#include "edgefleet/json.h"

#include "ef_json_chars.h"

uint16_t ef_json_member(const ef_json *json, uint16_t object, const char *name) {
    uint16_t end = json->tokens[object].next;
    for (uint16_t key = (uint16_t)(object + 1); key < end; key = json->tokens[key + 1].next) {
        if (ef_json_text_is(json, key, name)) {
            return (uint16_t)(key + 1);
        }
    }
    return EF_JSON_NONE;
}

uint16_t ef_json_size(const ef_json *json, uint16_t container) {
    bool object = json->tokens[container].type == EF_JSON_OBJECT;
    uint16_t end = json->tokens[container].next;
    uint16_t size = 0;
    for (uint16_t each = (uint16_t)(container + 1); each < end; size++) {
        each = json->tokens[object ? each + 1 : each].next;
    }
    return size;
}

int64_t ef_json_integer(const ef_json *json, uint16_t token) {
    const uint8_t *at = &json->bytes[json->tokens[token].start];
    const uint8_t *end = &json->bytes[json->tokens[token].end];
    bool negative = *at == '-';
    int64_t value = 0;
    for (at += negative ? 1 : 0; at != end; at++) {
        /* Downwards for negative numbers: -2^63 has no positive twin. */
        value = value * 10 + (negative ? '0' - *at : *at - '0');
    }
    return value;
}

double ef_json_number(const ef_json *json, uint16_t token) {
    const ef_json_token *number = &json->tokens[token];
    if (number->type == EF_JSON_INTEGER) {
        return (double)ef_json_integer(json, token);
    }
    return read_double(&json->bytes[number->start], number->end - number->start);
}

ef_text ef_json_text(const ef_json *json, uint16_t token) {
    ef_text text = {&json->bytes[json->tokens[token].start], &json->bytes[json->tokens[token].end]};
    return text;
}

static int32_t unescape_unit(const uint8_t *digits) {
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit * 16 + hex_value(digits[i]);
    }
    return unit;
}

static int32_t unescape(ef_text *text) {
    int kind = *text->at++;
    switch (kind) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return kind;
    }
    int32_t unit = unescape_unit(text->at);
    text->at += 4;
    if (is_high_surrogate(unit)) {
        int32_t low = unescape_unit(text->at + 2);
        text->at += 6;
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    return unit;
}

int32_t ef_text_next(ef_text *text) {
    if (text->at == text->end) {
        return EF_TEXT_END;
    }
    int32_t lead = *text->at++;
    if (lead == '\\') {
        return unescape(text);
    }
    if (lead < 0x80) {
        return lead;
    }
    int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    int32_t point = lead & (0x3F >> more);
    for (; more > 0; more--) {
        point = (point << 6) | (*text->at++ & 0x3F);
    }
    return point;
}

bool ef_json_text_is(const ef_json *json, uint16_t token, const char *expected) {
    ef_text text = ef_json_text(json, token);
    for (; *expected != '\0'; expected++) {
        if (ef_text_next(&text) != (unsigned char)*expected) {
            return false;
        }
    }
    return ef_text_next(&text) == EF_TEXT_END;
}

bool ef_text_copy(ef_text text, char *out, size_t size) {
    size_t length = 0;
    for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text)) {
        /* A NUL would end the copy early; a document has none, but a topic's bytes come unchecked. */
        if (c == 0 || c >= 0x80 || length + 1 >= size) {
            return false;
        }
        out[length++] = (char)c;
    }
    out[length] = '\0';
    return size > 0;
}
