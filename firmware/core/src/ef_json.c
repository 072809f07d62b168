#include "edgefleet/json.h"

#include <math.h>
#include <string.h>

#include "ef_json_chars.h"

typedef struct {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    ef_json_token *tokens;
    size_t limit;
    size_t count;
    uint16_t open[EF_JSON_DEPTH_MAX];
    size_t depth;
} scanner;

typedef enum { EXPECT_VALUE, EXPECT_FIRST, EXPECT_NEXT } expectation;

static int peek(const scanner *s) {
    return s->at < s->length ? s->bytes[s->at] : EF_TEXT_END;
}

static bool take(scanner *s, int byte) {
    if (peek(s) != byte) {
        return false;
    }
    s->at++;
    return true;
}

static void skip_whitespace(scanner *s) {
    int c = peek(s);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        s->at++;
        c = peek(s);
    }
}

/* A token has no more bits for these than they can need. */
static void end_token(const scanner *s, ef_json_token *token) {
    token->end = (uint32_t)s->at & EF_JSON_BYTES_MAX;
}

static void type_token(ef_json_token *token, ef_json_type type) {
    token->type = type & 15u;
}

static void follow_token(const scanner *s, ef_json_token *token) {
    token->next = s->count & 4095u;
}

static ef_reason add_token(scanner *s, ef_json_type type) {
    if (s->count >= s->limit) {
        return EF_REASON_TOO_LARGE;
    }
    ef_json_token *token = &s->tokens[s->count];
    token->start = (uint32_t)s->at & EF_JSON_BYTES_MAX;
    end_token(s, token);
    type_token(token, type);
    s->count++;
    follow_token(s, token);
    return EF_REASON_OK;
}

/* Four hexadecimal digits, or -1. */
static int32_t scan_hex4(scanner *s) {
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(peek(s));
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
        s->at++;
    }
    return unit;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* After the backslash. */
static bool scan_escape(scanner *s) {
    int kind = peek(s);
    s->at++;
    if (kind != 'u') {
        return kind == '"' || kind == '\\' || kind == '/' || kind == 'b' || kind == 'f' || kind == 'n' ||
               kind == 'r' || kind == 't';
    }
    int32_t unit = scan_hex4(s);
    if (unit <= 0 || is_low_surrogate(unit)) {
        return false;
    }
    if (!is_high_surrogate(unit)) {
        return true;
    }
    return take(s, '\\') && take(s, 'u') && is_low_surrogate(scan_hex4(s));
}

static bool take_continuation(scanner *s, int low, int high) {
    int c = peek(s);
    if (c < low || c > high) {
        return false;
    }
    s->at++;
    return true;
}

/* One multi-byte sequence of well-formed UTF-8 (Unicode, table 3-7): no overlong forms, no surrogates. */
static bool scan_multibyte(scanner *s) {
    int lead = peek(s);
    s->at++;
    if (lead >= 0xC2 && lead <= 0xDF) {
        return take_continuation(s, 0x80, 0xBF);
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        int low = lead == 0xE0 ? 0xA0 : 0x80;
        int high = lead == 0xED ? 0x9F : 0xBF;
        return take_continuation(s, low, high) && take_continuation(s, 0x80, 0xBF);
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        int low = lead == 0xF0 ? 0x90 : 0x80;
        int high = lead == 0xF4 ? 0x8F : 0xBF;
        return take_continuation(s, low, high) && take_continuation(s, 0x80, 0xBF) && take_continuation(s, 0x80, 0xBF);
    }
    return false;
}

/* A string with its quotes; the token was added at the opening one. */
static ef_reason scan_string(scanner *s) {
    ef_reason reason = add_token(s, EF_JSON_STRING);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    ef_json_token *token = &s->tokens[s->count - 1];
    s->at++;
    token->start = (uint32_t)s->at & EF_JSON_BYTES_MAX;
    for (;;) {
        int c = peek(s);
        bool good = true;
        if (c == '"') {
            end_token(s, token);
            s->at++;
            return EF_REASON_OK;
        }
        if (c == '\\') {
            s->at++;
            good = scan_escape(s);
        } else if (c >= 0x80) {
            good = scan_multibyte(s);
        } else if (c >= 0x20) {
            s->at++;
        } else {
            good = false;
        }
        if (!good) {
            return EF_REASON_MALFORMED;
        }
    }
}

static bool skip_digits(scanner *s) {
    if (!is_digit(peek(s))) {
        return false;
    }
    while (is_digit(peek(s))) {
        s->at++;
    }
    return true;
}

/* Whether the digits of an integer token stay within 64 bits. */
static bool integer_fits(const uint8_t *text, size_t length) {
    enum { MOST_DIGITS = 19 }; /* of INT64_MAX; so many never overflow 64 bits without a sign */
    bool negative = text[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;
    size_t first = negative ? 1 : 0;
    for (size_t i = first; i < length && i - first < MOST_DIGITS; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    return length - first <= MOST_DIGITS && value <= limit;
}

/* Consumes the characters of a number and tells which of the two it is. */
static bool scan_number_text(scanner *s, ef_json_type *type) {
    *type = EF_JSON_INTEGER;
    (void)take(s, '-');
    if (!take(s, '0') && !skip_digits(s)) {
        return false;
    }
    /* A dot or an exponent that leads nowhere is left in place and fails as a missing comma. */
    size_t mark = s->at;
    if (take(s, '.')) {
        if (!skip_digits(s)) {
            s->at = mark;
            return true;
        }
        *type = EF_JSON_FLOAT;
        mark = s->at;
    }
    if (take(s, 'e') || take(s, 'E')) {
        (void)(take(s, '+') || take(s, '-'));
        if (!skip_digits(s)) {
            s->at = mark;
            return true;
        }
        *type = EF_JSON_FLOAT;
    }
    return true;
}

static ef_reason scan_number(scanner *s) {
    size_t start = s->at;
    ef_json_type type = EF_JSON_INTEGER;
    ef_reason reason = add_token(s, type);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    if (!scan_number_text(s, &type)) {
        return EF_REASON_MALFORMED;
    }
    const uint8_t *text = &s->bytes[start];
    size_t length = s->at - start;
    if (length > EF_JSON_NUMBER_MAX) {
        return EF_REASON_MALFORMED;
    }
    if (type == EF_JSON_INTEGER ? !integer_fits(text, length) : !isfinite(read_double(text, length))) {
        return EF_REASON_MALFORMED;
    }
    type_token(&s->tokens[s->count - 1], type);
    end_token(s, &s->tokens[s->count - 1]);
    return EF_REASON_OK;
}

static ef_reason scan_literal(scanner *s) {
    static const struct {
        const char *word;
        ef_json_type type;
    } literals[] = {{"true", EF_JSON_TRUE}, {"false", EF_JSON_FALSE}, {"null", EF_JSON_NULL}};
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        size_t length = strlen(literals[i].word);
        if (s->length - s->at >= length && memcmp(&s->bytes[s->at], literals[i].word, length) == 0) {
            ef_reason reason = add_token(s, literals[i].type);
            s->at += length;
            return reason;
        }
    }
    return EF_REASON_MALFORMED;
}

static ef_reason open_container(scanner *s, ef_json_type type) {
    if (s->depth == EF_JSON_DEPTH_MAX) {
        return EF_REASON_TOO_DEEP;
    }
    ef_reason reason = add_token(s, type);
    if (reason == EF_REASON_OK) {
        s->open[s->depth++] = (uint16_t)(s->count - 1);
        s->at++;
    }
    return reason;
}

static bool keys_equal(const scanner *s, const ef_json_token *left, const ef_json_token *right) {
    ef_text a = {&s->bytes[left->start], &s->bytes[left->end]};
    ef_text b = {&s->bytes[right->start], &s->bytes[right->end]};
    int32_t c = 0;
    do {
        c = ef_text_next(&a);
        if (c != ef_text_next(&b)) {
            return false;
        }
    } while (c != EF_TEXT_END);
    return true;
}

/* A key and its colon, in the innermost container, which is an object. */
static ef_reason scan_key(scanner *s) {
    skip_whitespace(s);
    if (peek(s) != '"') {
        return EF_REASON_MALFORMED;
    }
    size_t key = s->count;
    ef_reason reason = scan_string(s);
    if (reason != EF_REASON_OK) {
        return reason;
    }
    for (size_t other = (size_t)s->open[s->depth - 1] + 1; other != key; other = s->tokens[other + 1].next) {
        if (keys_equal(s, &s->tokens[other], &s->tokens[key])) {
            return EF_REASON_DUPLICATE_KEY;
        }
    }
    skip_whitespace(s);
    return take(s, ':') ? EF_REASON_OK : EF_REASON_MALFORMED;
}

static ef_reason scan_value(scanner *s, expectation *expect) {
    skip_whitespace(s);
    int first = peek(s);
    *expect = EXPECT_NEXT;
    if (first == '{' || first == '[') {
        *expect = EXPECT_FIRST;
        return open_container(s, first == '{' ? EF_JSON_OBJECT : EF_JSON_ARRAY);
    }
    if (first == '"') {
        return scan_string(s);
    }
    return first == '-' || is_digit(first) ? scan_number(s) : scan_literal(s);
}

/* Between the values of a container: its end, or what leads to the next value. */
static ef_reason scan_between(scanner *s, expectation *expect) {
    ef_json_token *container = &s->tokens[s->open[s->depth - 1]];
    bool object = container->type == EF_JSON_OBJECT;
    bool first = *expect == EXPECT_FIRST;
    skip_whitespace(s);
    if (take(s, object ? '}' : ']')) {
        end_token(s, container);
        follow_token(s, container);
        s->depth--;
        *expect = EXPECT_NEXT;
        return EF_REASON_OK;
    }
    if (!first && !take(s, ',')) {
        return EF_REASON_MALFORMED;
    }
    *expect = EXPECT_VALUE;
    return object ? scan_key(s) : EF_REASON_OK;
}

ef_reason ef_json_parse(const uint8_t *bytes, size_t length, ef_json_token *tokens, size_t capacity, ef_json *json) {
    scanner s = {.bytes = bytes, .length = length, .tokens = tokens};
    s.limit = capacity < EF_JSON_TOKENS_MAX ? capacity : EF_JSON_TOKENS_MAX;
    expectation expect = EXPECT_VALUE;
    ef_reason reason = EF_REASON_OK;
    if (length > EF_JSON_BYTES_MAX) {
        return EF_REASON_TOO_LARGE;
    }
    do {
        reason = expect == EXPECT_VALUE ? scan_value(&s, &expect) : scan_between(&s, &expect);
    } while (reason == EF_REASON_OK && (s.depth > 0 || expect == EXPECT_VALUE));
    if (reason != EF_REASON_OK) {
        return reason;
    }
    skip_whitespace(&s);
    if (s.at != length) {
        return EF_REASON_MALFORMED;
    }
    json->bytes = bytes;
    json->tokens = tokens;
    json->count = (uint16_t)s.count;
    return EF_REASON_OK;
}
