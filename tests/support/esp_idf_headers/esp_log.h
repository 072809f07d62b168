/* Source: ESP-IDF v5.5.5 and v6.0.2, components/log/include/esp_log.h (the macros end in a checked format) */
#pragma once

#include "esp_err.h"

__attribute__((format(printf, 2, 3))) void published_log(const char *tag, const char *format, ...);
#define ESP_LOGE(tag, ...) published_log(tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) published_log(tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) published_log(tag, __VA_ARGS__)
