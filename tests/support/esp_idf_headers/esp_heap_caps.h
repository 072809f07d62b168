/* Source: ESP-IDF v5.5.5 and v6.0.2, components/heap/include/esp_heap_caps.h */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MALLOC_CAP_8BIT (1 << 2)
size_t heap_caps_get_total_size(uint32_t caps);
