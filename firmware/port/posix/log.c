#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "status.h"

static void put_time(char *out, size_t size) {
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, size, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

/* Of this second; a terminal is of no use to who must read ten thousand lines. */
static struct {
    uint32_t most; /* 0: no limit */
    uint32_t said;
    uint32_t dropped;
    uint64_t second;
} limit;

void log_limit(uint32_t lines_per_second) {
    limit.most = lines_per_second;
}

static bool is_one_too_many(void) {
    uint64_t second = now_ms() / 1000u;
    if (limit.most == 0) {
        return false;
    }
    if (second != limit.second) {
        uint32_t dropped = limit.dropped;
        limit.second = second;
        limit.said = 0;
        limit.dropped = 0;
        if (dropped > 0) {
            say(LEVEL_WARNING, "and %u more lines", (unsigned)dropped);
        }
    }
    limit.dropped += limit.said >= limit.most ? 1 : 0;
    limit.said++;
    return limit.said > limit.most;
}

__attribute__((format(printf, 2, 0))) static void write_line(px_level level, const char *format, va_list arguments) {
    static const char *const names[] = {"error", "warning", "info"};
    char time[48];
    char text[512];
    char line[640];
    put_time(time, sizeof time);
    vsnprintf(text, sizeof text, format, arguments);
    for (char *each = text; *each != '\0'; each++) {
        if ((unsigned char)*each < 0x20 || *each == 0x7f) {
            *each = ' ';
        }
    }
    int length = snprintf(line, sizeof line, "%s %-7s %s\n", time, names[level], text);
    /* One write, so that lines of several devices on one terminal do not mix; nobody could be told if it fails. */
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0) {
        return;
    }
}

void say(px_level level, const char *format, ...) {
    va_list arguments;
    if (is_one_too_many()) {
        return;
    }
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

void panic(const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    limit.most = 0;
    say(LEVEL_ERROR, "panic: %s", text);
    _Exit(STATUS_PANIC);
}

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}
