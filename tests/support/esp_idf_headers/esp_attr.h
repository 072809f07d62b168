/* Source: ESP-IDF v5.5.5 and v6.0.2, components/esp_common/include/esp_attr.h */
#pragma once

#define IRAM_ATTR
