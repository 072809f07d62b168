/* Source: ESP-IDF v5.5.5 and v6.0.2, components/esp_app_format/include/esp_app_desc.h */
#pragma once

typedef struct {
    char version[32];
} esp_app_desc_t;
const esp_app_desc_t *esp_app_get_description(void);
