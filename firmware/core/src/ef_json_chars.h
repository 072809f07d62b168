/* What the tokenizer and the readers of tokens share. */
#ifndef EDGEFLEET_EF_JSON_CHARS_H
#define EDGEFLEET_EF_JSON_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "edgefleet/json.h"

static inline bool is_digit(int c) {
    return c >= '0' && c <= '9';
}

static inline int hex_value(int c) {
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static inline bool is_high_surrogate(int32_t unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

/* `length` is at most EF_JSON_NUMBER_MAX. */
static inline double read_double(const uint8_t *text, size_t length) {
    char copy[EF_JSON_NUMBER_MAX + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    return strtod(copy, NULL);
}

#endif
