/* Source: espressif/ds18b20 0.4.0, include/ds18b20.h */
#pragma once

#include "onewire_bus.h"

typedef struct ds18b20_device_t *ds18b20_device_handle_t;
typedef struct {
} ds18b20_config_t;
esp_err_t ds18b20_new_device_from_bus(onewire_bus_handle_t bus, const ds18b20_config_t *config,
                                      ds18b20_device_handle_t *ret_ds18b20);
esp_err_t ds18b20_trigger_temperature_conversion(ds18b20_device_handle_t ds18b20);
esp_err_t ds18b20_get_temperature(ds18b20_device_handle_t ds18b20, float *temperature);
