/* Source: ESP-IDF v5.5.5 and v6.0.2, components/esp_common/include/esp_err.h */
#pragma once

#include <stdlib.h>

typedef int esp_err_t;
enum { ESP_OK = 0, ESP_ERR_TIMEOUT = 0x107 };
const char *esp_err_to_name(esp_err_t code);
#define ESP_ERROR_CHECK(x) do { if ((x) != ESP_OK) { abort(); } } while (0)
