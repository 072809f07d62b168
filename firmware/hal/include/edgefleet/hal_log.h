/* A line for people. */
#ifndef EDGEFLEET_HAL_LOG_H
#define EDGEFLEET_HAL_LOG_H

typedef struct {
    void (*write)(void *context, const char *text);
} ef_hal_log;

#endif
