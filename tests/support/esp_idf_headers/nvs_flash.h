/* Source: ESP-IDF v5.5.5 and v6.0.2, components/nvs_flash/include/nvs_flash.h */
#pragma once

#include "esp_err.h"

esp_err_t nvs_flash_init(void);
