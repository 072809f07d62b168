#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgefleet/hal.h"
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

bool argument_read_text(void *out, const char *name, char *text) {
    (void)name;
    *(const char **)out = text;
    return true;
}

bool argument_read_flag(void *out, const char *name, char *text) {
    (void)name;
    (void)text;
    *(bool *)out = true;
    return true;
}

bool argument_read_count(void *out, const char *name, char *text) {
    uint32_t number = read_number(text, INT32_MAX);
    if (number == 0) {
        say(LEVEL_ERROR, "--%s: a number from 1 to %d, not '%s'", name, INT32_MAX, text);
    }
    *(uint32_t *)out = number;
    return number != 0;
}

bool argument_read_endpoint(void *out, const char *name, char *text) {
    px_endpoint *endpoint = out;
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
    memcpy(endpoint->host, start, length);
    endpoint->host[length] = '\0';
    snprintf(endpoint->port, sizeof endpoint->port, "%u", (unsigned)(uint16_t)port);
    return true;
}

static bool read_matching(void *out, const char *name, ef_pattern pattern, char *text) {
    if (!argument_matches(pattern, text)) {
        say(LEVEL_ERROR, "--%s: '%s' is none", name, text);
        return false;
    }
    return argument_read_text(out, name, text);
}

bool argument_read_label(void *out, const char *name, char *text) {
    return read_matching(out, name, EF_PATTERN_DNS_LABEL, text);
}

bool argument_read_semver(void *out, const char *name, char *text) {
    return read_matching(out, name, EF_PATTERN_SEMVER, text);
}

bool argument_check_slot(uint32_t slot_bytes) {
    /* Two slots and what lies before them stay below 1 GiB: offsets are 32 bits. */
    bool good = slot_bytes % EF_FLASH_SECTOR == 0 && slot_bytes <= 256u * 1024 * 1024;
    if (!good) {
        say(LEVEL_ERROR, "--slot-bytes: a multiple of %u up to 256 MiB", EF_FLASH_SECTOR);
    }
    return good;
}

bool argument_check_inference(const char *socket, const char *command) {
    bool good = (socket == NULL) != (command == NULL);
    if (!good) {
        say(LEVEL_ERROR, "exactly one of --inference-socket and --inference-command is needed");
    }
    return good;
}

enum { CODE_HELP = 256, CODE_FIRST };

/* What getopt knows an option of the table by. */
static int code_of(const px_argument *table, size_t row) {
    return table[row].letter != '\0' ? table[row].letter : CODE_FIRST + (int)row;
}

/* The table as getopt wants it; `letters` has two bytes for each. */
static void describe(const px_argument *table, struct option *words, char *letters) {
    size_t row = 0;
    for (; table[row].name != NULL; row++) {
        int takes = table[row].read == argument_read_flag ? no_argument : required_argument;
        words[row] = (struct option){table[row].name, takes, NULL, code_of(table, row)};
        if (table[row].letter != '\0') {
            *letters++ = table[row].letter;
            *letters++ = ':';
        }
    }
    words[row] = (struct option){"help", no_argument, NULL, CODE_HELP};
    words[row + 1] = (struct option){NULL, 0, NULL, 0};
    *letters = '\0';
}

/* Reads the value of the option with that code, and notes that it was given. */
static bool read_argument(void *options, const px_argument *table, bool *is_given, int code, char *text) {
    for (size_t row = 0; table[row].name != NULL; row++) {
        if (code_of(table, row) == code) {
            is_given[row] = true;
            return table[row].read((uint8_t *)options + table[row].offset, table[row].name, text);
        }
    }
    return false; /* getopt_long has said it */
}

static bool has_all(const px_argument *table, const bool *is_given) {
    for (size_t row = 0; table[row].name != NULL; row++) {
        if (table[row].is_needed && !is_given[row]) {
            say(LEVEL_ERROR, "--%s is missing; --help lists all options", table[row].name);
            return false;
        }
    }
    return true;
}

options_outcome arguments_read(void *options, const px_argument *table, const char *usage, int count, char **given) {
    struct option words[ARGUMENTS_MAX + 2];
    char letters[2 * ARGUMENTS_MAX + 1];
    bool is_given[ARGUMENTS_MAX] = {false};
    int code;
    describe(table, words, letters);
    while ((code = getopt_long(count, given, letters, words, NULL)) != -1) {
        if (code == CODE_HELP) {
            fputs(usage, stdout);
            return OPTIONS_HELP;
        }
        if (!read_argument(options, table, is_given, code, optarg)) {
            return OPTIONS_WRONG;
        }
    }
    if (optind < count) {
        say(LEVEL_ERROR, "'%s' is no option; --help lists them", given[optind]);
        return OPTIONS_WRONG;
    }
    return has_all(table, is_given) ? OPTIONS_RUN : OPTIONS_WRONG;
}
