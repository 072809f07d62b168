#include "rewrite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "promise.h"

typedef struct {
    uint8_t *out;
    size_t capacity;
    size_t length;
} sink;

static void put(sink *to, int byte) {
    PROMISE(to->length < to->capacity);
    to->out[to->length++] = (uint8_t)byte;
}

static void put_text(sink *to, const char *text) {
    for (; *text != '\0'; text++) {
        put(to, *text);
    }
}

static void put_escape(sink *to, int32_t point) {
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (const char *each = named; *each != '\0'; each += 2) {
        if (*each == point) {
            put(to, '\\');
            put(to, each[1]);
            return;
        }
    }
    char digits[16];
    (void)snprintf(digits, sizeof digits, "\\u%04x", (unsigned)point);
    put_text(to, digits);
}

static void put_point(sink *to, int32_t point) {
    if (point < 0x20 || point == '"' || point == '\\') {
        put_escape(to, point);
    } else if (point < 0x80) {
        put(to, point);
    } else if (point < 0x800) {
        put(to, 0xC0 | point >> 6);
        put(to, 0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put(to, 0xE0 | point >> 12);
        put(to, 0x80 | (point >> 6 & 0x3F));
        put(to, 0x80 | (point & 0x3F));
    } else {
        put(to, 0xF0 | point >> 18);
        put(to, 0x80 | (point >> 12 & 0x3F));
        put(to, 0x80 | (point >> 6 & 0x3F));
        put(to, 0x80 | (point & 0x3F));
    }
}

static void put_string(sink *to, const ef_json *json, uint16_t token) {
    ef_text text = ef_json_text(json, token);
    put(to, '"');
    for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text)) {
        put_point(to, c);
    }
    put(to, '"');
}

static void put_value(sink *to, const ef_json *json, uint16_t token);

static void put_container(sink *to, const ef_json *json, uint16_t token) {
    bool object = json->tokens[token].type == EF_JSON_OBJECT;
    uint16_t end = json->tokens[token].next;
    put(to, object ? '{' : '[');
    for (uint16_t each = (uint16_t)(token + 1); each < end; each = json->tokens[each].next) {
        if (each > token + 1) {
            put(to, ',');
        }
        if (object) {
            put_string(to, json, each);
            put(to, ':');
            each++;
        }
        put_value(to, json, each);
    }
    put(to, object ? '}' : ']');
}

/* Recursion is bounded by EF_JSON_DEPTH_MAX. */
static void put_value(sink *to, const ef_json *json, uint16_t token) {
    const ef_json_token *value = &json->tokens[token];
    switch (value->type) {
    case EF_JSON_STRING:
        put_string(to, json, token);
        break;
    case EF_JSON_ARRAY:
    case EF_JSON_OBJECT:
        put_container(to, json, token);
        break;
    case EF_JSON_INTEGER:
    case EF_JSON_FLOAT:
        for (uint32_t at = value->start; at < value->end; at++) {
            put(to, json->bytes[at]);
        }
        break;
    default:
        put_text(to, value->type == EF_JSON_NULL ? "null" : value->type == EF_JSON_TRUE ? "true" : "false");
    }
}

size_t json_rewrite(const ef_json *json, uint8_t *out, size_t capacity) {
    sink to = {out, capacity, 0};
    put_value(&to, json, 0);
    return to.length;
}

static bool strings_equal(ef_text left, ef_text right) {
    int32_t c = 0;
    do {
        c = ef_text_next(&left);
        if (c != ef_text_next(&right)) {
            return false;
        }
    } while (c != EF_TEXT_END);
    return true;
}

static bool values_equal(const ef_json *left, const ef_json *right, uint16_t token) {
    double a = 0;
    double b = 0;
    switch (left->tokens[token].type) {
    case EF_JSON_INTEGER:
        return ef_json_integer(left, token) == ef_json_integer(right, token);
    case EF_JSON_FLOAT:
        a = ef_json_number(left, token);
        b = ef_json_number(right, token);
        return memcmp(&a, &b, sizeof a) == 0;
    case EF_JSON_STRING:
        return strings_equal(ef_json_text(left, token), ef_json_text(right, token));
    default:
        return true;
    }
}

bool json_equals(const ef_json *left, const ef_json *right) {
    bool equal = left->count == right->count;
    for (uint16_t i = 0; equal && i < left->count; i++) {
        const ef_json_token *a = &left->tokens[i];
        const ef_json_token *b = &right->tokens[i];
        equal = a->type == b->type && a->next == b->next && values_equal(left, right, i);
    }
    return equal;
}

static void walk_string(const ef_json *json, uint16_t token) {
    ef_text text = ef_json_text(json, token);
    const uint8_t *before = text.at;
    for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text)) {
        PROMISE(text.at > before && text.at <= text.end);
        PROMISE(c > 0 && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF));
        before = text.at;
    }
}

static void walk_number(const ef_json *json, uint16_t token) {
    PROMISE(isfinite(ef_json_number(json, token)));
    if (json->tokens[token].type == EF_JSON_INTEGER) {
        char digits[32];
        const ef_json_token *number = &json->tokens[token];
        int length = snprintf(digits, sizeof digits, "%lld", (long long)ef_json_integer(json, token));
        bool minus_zero = number->end - number->start == 2 && memcmp(json->bytes + number->start, "-0", 2) == 0;
        PROMISE(minus_zero || (number->start + (uint32_t)length == number->end &&
                               memcmp(digits, json->bytes + number->start, (size_t)length) == 0));
    }
}

/* What is inside lies inside, and after what came before it. */
static void walk_container(const ef_json *json, uint16_t token) {
    const ef_json_token *container = &json->tokens[token];
    bool object = container->type == EF_JSON_OBJECT;
    uint32_t at = container->start;
    uint16_t children = 0;
    for (uint16_t each = (uint16_t)(token + 1); each < container->next; each = json->tokens[each].next) {
        PROMISE(json->tokens[each].start > at && json->tokens[each].end < container->end);
        if (object) {
            char name[64];
            PROMISE(json->tokens[each].type == EF_JSON_STRING && json->tokens[each].next == each + 1);
            bool plain = ef_text_copy(ef_json_text(json, each), name, sizeof name);
            PROMISE(!plain || ef_json_member(json, token, name) == each + 1);
            at = json->tokens[each++].end;
            PROMISE(json->tokens[each].start > at && json->tokens[each].end < container->end);
        }
        at = json->tokens[each].end;
        children++;
    }
    PROMISE(children == ef_json_size(json, token));
}

void json_walk(const ef_json *json, size_t length) {
    PROMISE(json->count > 0 && json->count <= EF_JSON_TOKENS_MAX && json->tokens[0].next == json->count);
    for (uint16_t i = 0; i < json->count; i++) {
        const ef_json_token *token = &json->tokens[i];
        PROMISE(token->start <= token->end && token->end <= length);
        PROMISE(token->next > i && token->next <= json->count);
        switch (token->type) {
        case EF_JSON_STRING:
            walk_string(json, i);
            break;
        case EF_JSON_INTEGER:
        case EF_JSON_FLOAT:
            walk_number(json, i);
            break;
        case EF_JSON_ARRAY:
        case EF_JSON_OBJECT:
            walk_container(json, i);
            break;
        default:
            PROMISE(token->type <= EF_JSON_TRUE && token->next == i + 1);
        }
    }
}
