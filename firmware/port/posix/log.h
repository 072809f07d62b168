/* What a board would print on its serial line: one line an event, with time and level, on standard error. */
#ifndef EDGEFLEET_POSIX_LOG_H
#define EDGEFLEET_POSIX_LOG_H

#include <stdint.h>

typedef enum { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO } px_level;

/* Writes one line; what would break it or the terminal is replaced, what is too long is cut. */
__attribute__((format(printf, 2, 3))) void say(px_level level, const char *format, ...);

/* From now on at most so many lines a second; how many were left out is said afterwards. 0: all of them, as at first. */
void log_limit(uint32_t lines_per_second);

/* Milliseconds of a clock that never goes back. */
uint64_t now_ms(void);

/* Says why and ends the process as a panic ends a board: no farewell, the supervisor starts it again. */
__attribute__((format(printf, 1, 2), noreturn)) void panic(const char *format, ...);

#endif
