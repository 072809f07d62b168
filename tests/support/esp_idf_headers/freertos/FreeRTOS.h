/* Source: ESP-IDF v5.5.5 and v6.0.2, components/freertos/FreeRTOS-Kernel/include/freertos (FreeRTOS.h, projdefs.h) */
#pragma once

#include <stdint.h>

#define PUBLISHED_FREERTOS
typedef int BaseType_t;
typedef unsigned UBaseType_t;
typedef uint32_t TickType_t;
#define pdTRUE ((BaseType_t)1)
#define pdPASS pdTRUE
#define pdMS_TO_TICKS(ms) ((TickType_t)(((uint64_t)(ms) * 100u) / 1000u))
