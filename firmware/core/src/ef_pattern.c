#include "edgefleet/pattern.h"

#include <string.h>

#include "edgefleet/base64.h"

/* What is left of a text that a matcher consumes from the front. */
typedef struct {
    const char *at;
    const char *end;
} span;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c) {
    return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool take(span *s, char c) {
    if (s->at == s->end || *s->at != c) {
        return false;
    }
    s->at++;
    return true;
}

static bool all_of(const char *at, size_t length, const char *others) {
    for (size_t i = 0; i < length; i++) {
        if (!is_alnum(at[i]) && strchr(others, at[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_dns_label(const char *text, size_t length) {
    if (length == 0 || length > 63 || text[0] == '-' || text[length - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_lower(text[i]) && !is_digit(text[i]) && text[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_lower_hex(const char *text, size_t length, size_t expected) {
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f')) {
            return false;
        }
    }
    return length == expected;
}

static bool is_file_name(const char *text, size_t length) {
    return length == 0 || (length <= 128 && is_alnum(text[0]) && all_of(text, length, "._-"));
}

static bool is_token(const char *text, size_t length) {
    return length > 0 && length <= 64 && all_of(text, length, "_-");
}

static bool is_op_name(const char *text, size_t length) {
    return length > 0 && length <= 64 && all_of(text, 1, "_") && all_of(text, length, "_.-");
}

/* One of the three numbers of a version: no leading zero, at most nine digits. */
static bool take_version_number(span *s) {
    const char *start = s->at;
    while (s->at != s->end && is_digit(*s->at)) {
        s->at++;
    }
    size_t length = (size_t)(s->at - start);
    return length > 0 && length <= 9 && (length == 1 || *start != '0');
}

/* Dot-separated identifiers; numeric ones of a pre-release have no leading zero. */
static bool take_identifiers(span *s, bool refuse_leading_zero) {
    do {
        const char *start = s->at;
        bool numeric = true;
        while (s->at != s->end && (is_alnum(*s->at) || *s->at == '-')) {
            numeric = numeric && is_digit(*s->at);
            s->at++;
        }
        size_t length = (size_t)(s->at - start);
        if (length == 0 || (refuse_leading_zero && numeric && length > 1 && *start == '0')) {
            return false;
        }
    } while (take(s, '.'));
    return true;
}

static bool is_semver(const char *text, size_t length) {
    span s = {text, text + length};
    bool core = take_version_number(&s) && take(&s, '.') && take_version_number(&s) && take(&s, '.') &&
                take_version_number(&s);
    if (!core || (take(&s, '-') && !take_identifiers(&s, true))) {
        return false;
    }
    return !(take(&s, '+') && !take_identifiers(&s, false)) && s.at == s.end;
}

/* Two digits from `low` to `high`. */
static bool take_pair(span *s, int low, int high) {
    if (s->end - s->at < 2 || !is_digit(s->at[0]) || !is_digit(s->at[1])) {
        return false;
    }
    int value = (s->at[0] - '0') * 10 + (s->at[1] - '0');
    s->at += 2;
    return value >= low && value <= high;
}

static bool is_instant(const char *text, size_t length) {
    span s = {text, text + length};
    bool date = take_pair(&s, 0, 99) && take_pair(&s, 0, 99) && take(&s, '-') && take_pair(&s, 1, 12) &&
                take(&s, '-') && take_pair(&s, 1, 31);
    bool time = date && take(&s, 'T') && take_pair(&s, 0, 23) && take(&s, ':') && take_pair(&s, 0, 59) &&
                take(&s, ':') && take_pair(&s, 0, 59);
    if (!time) {
        return false;
    }
    if (take(&s, '.')) {
        const char *start = s.at;
        while (s.at != s.end && is_digit(*s.at)) {
            s.at++;
        }
        if (s.at == start || s.at - start > 6) {
            return false;
        }
    }
    return take(&s, 'Z') && s.at == s.end;
}

/* Base64 of exactly `bytes` bytes that begin with `first`; -1 for any beginning. */
static bool is_base64_of(ef_text text, size_t bytes, int first) {
    uint8_t out[66];
    size_t length = 0;
    return ef_base64_decode(text, out, sizeof out, &length) && length == bytes && (first < 0 || out[0] == first);
}

/* Lines of printable ASCII, the first of which begins a PEM block: any length, so it is not copied. */
static bool is_pem(ef_text text) {
    static const char head[] = "-----BEGIN ";
    int32_t last = EF_TEXT_END;
    size_t at = 0;
    for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text), at++) {
        bool expected = at < sizeof head - 1 ? c == head[at] : c == '\n' || (c >= ' ' && c <= '~');
        if (!expected) {
            return false;
        }
        last = c;
    }
    return at >= sizeof head && last == '\n';
}

bool ef_pattern_matches(ef_pattern kind, ef_text text) {
    char copy[EF_PATTERN_TEXT_MAX + 1];
    size_t length = 0;
    switch (kind) {
    case EF_PATTERN_NONE:
        return true;
    case EF_PATTERN_BASE64:
        return ef_base64_decode(text, NULL, 0, &length);
    case EF_PATTERN_SIGNATURE:
        return is_base64_of(text, 64, -1);
    case EF_PATTERN_PEM:
        return is_pem(text);
    case EF_PATTERN_POINT:
        return is_base64_of(text, 65, 4);
    default:
        break;
    }
    if (!ef_text_copy(text, copy, sizeof copy)) {
        return false;
    }
    length = strlen(copy);
    switch (kind) {
    case EF_PATTERN_DNS_LABEL:
        return is_dns_label(copy, length);
    case EF_PATTERN_SEMVER:
        return is_semver(copy, length);
    case EF_PATTERN_SHA256:
        return is_lower_hex(copy, length, 64);
    case EF_PATTERN_KEY_ID:
        return is_lower_hex(copy, length, 16);
    case EF_PATTERN_FILE_NAME:
        return is_file_name(copy, length);
    case EF_PATTERN_TOKEN:
        return is_token(copy, length);
    case EF_PATTERN_OP_NAME:
        return is_op_name(copy, length);
    case EF_PATTERN_INSTANT:
        return is_instant(copy, length);
    default:
        return false;
    }
}
