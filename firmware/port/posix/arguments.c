#include "arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

bool argument_matches(ef_pattern pattern, const char *text) {
    ef_text cursor = {(const uint8_t *)text, (const uint8_t *)text + strlen(text)};
    return strchr(text, '\\') == NULL && ef_pattern_matches(pattern, cursor);
}

/* Zero for what is no number from 1 to `most`. */
static uint32_t read_number(const char *text, uint32_t most) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool good = errno == 0 && end != text && *end == '\0' && value >= 1 && value <= most;
    return good ? (uint32_t)value : 0;
}

bool argument_read_count(uint32_t *out, const char *name, const char *text) {
    *out = read_number(text, INT32_MAX);
    if (*out == 0) {
        say(LEVEL_ERROR, "--%s: a number from 1 to %d, not '%s'", name, INT32_MAX, text);
    }
    return *out != 0;
}

/* HOST:PORT; an IPv6 address stands in brackets. */
bool argument_read_endpoint(px_endpoint *out, const char *name, const char *text) {
    const char *colon = strrchr(text, ':');
    const char *start = text;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        start = text + 1;
        length -= 2;
    }
    if (length == 0 || length > HOST_MAX) {
        say(LEVEL_ERROR, "--%s: HOST:PORT, not '%s'", name, text);
        return false;
    }
    uint32_t port = read_number(colon + 1, UINT16_MAX);
    if (port == 0) {
        say(LEVEL_ERROR, "--%s: the port is a number from 1 to %d, not '%s'", name, UINT16_MAX, colon + 1);
        return false;
    }
    memcpy(out->host, start, length);
    out->host[length] = '\0';
    snprintf(out->port, sizeof out->port, "%u", (unsigned)(uint16_t)port);
    return true;
}

bool argument_read_matching(const char **out, const char *name, ef_pattern pattern, const char *text) {
    if (!argument_matches(pattern, text)) {
        say(LEVEL_ERROR, "--%s: '%s' is none", name, text);
        return false;
    }
    *out = text;
    return true;
}
