#include "edgefleet/semver.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static size_t identifier_length(const char *text) {
    return strcspn(text, ".+");
}

static bool is_numeric(const char *text, size_t length) {
    return strspn(text, "0123456789") >= length;
}

static int sign(long value) {
    return (value > 0) - (value < 0);
}

/* Numbers without leading zeros: the longer is the greater, then digit by digit. */
static int compare_numbers(const char *left, size_t left_length, const char *right, size_t right_length) {
    if (left_length != right_length) {
        return left_length < right_length ? -1 : 1;
    }
    return sign(memcmp(left, right, left_length));
}

static int compare_words(const char *left, size_t left_length, const char *right, size_t right_length) {
    size_t shorter = left_length < right_length ? left_length : right_length;
    int order = memcmp(left, right, shorter);
    return order != 0 ? sign(order) : sign((long)left_length - (long)right_length);
}

static int compare_identifiers(const char *left, const char *right) {
    size_t left_length = identifier_length(left);
    size_t right_length = identifier_length(right);
    bool left_numeric = is_numeric(left, left_length);
    bool right_numeric = is_numeric(right, right_length);
    if (left_numeric != right_numeric) {
        return left_numeric ? -1 : 1;
    }
    return left_numeric ? compare_numbers(left, left_length, right, right_length)
                        : compare_words(left, left_length, right, right_length);
}

/* Both at the first identifier of a pre-release. */
static int compare_prereleases(const char *left, const char *right) {
    for (;;) {
        int order = compare_identifiers(left, right);
        if (order != 0) {
            return order;
        }
        left += identifier_length(left);
        right += identifier_length(right);
        if (*left != '.' || *right != '.') {
            return (*left == '.') - (*right == '.');
        }
        left++;
        right++;
    }
}

int ef_semver_compare(const char *left, const char *right) {
    for (int part = 0; part < 3; part++) {
        size_t left_length = strspn(left, "0123456789");
        size_t right_length = strspn(right, "0123456789");
        int order = compare_numbers(left, left_length, right, right_length);
        if (order != 0) {
            return order;
        }
        left += left_length + (part < 2 ? 1 : 0);
        right += right_length + (part < 2 ? 1 : 0);
    }
    if (*left != '-' || *right != '-') {
        /* A version without a pre-release comes after all of its pre-releases. */
        return (*right == '-') - (*left == '-');
    }
    return compare_prereleases(left + 1, right + 1);
}
