/* Source: espressif/onewire_bus 1.1.1, include (onewire_bus.h, onewire_bus_impl_rmt.h, onewire_types.h) */
#pragma once

#include <stdint.h>

#include "esp_err.h"

typedef struct onewire_bus_t *onewire_bus_handle_t;
typedef struct {
    int bus_gpio_num;
} onewire_bus_config_t;
typedef struct {
    uint32_t max_rx_bytes;
} onewire_bus_rmt_config_t;
esp_err_t onewire_new_bus_rmt(const onewire_bus_config_t *bus_config, const onewire_bus_rmt_config_t *rmt_config,
                              onewire_bus_handle_t *ret_bus);
