/* Source: ESP-IDF v5.5.5 and v6.0.2, components/esp_netif/include/esp_netif_sntp.h */
#pragma once

#include <stdbool.h>
#include <sys/time.h>

#include "esp_netif.h"

typedef void (*esp_sntp_time_cb_t)(struct timeval *tv);
typedef struct {
    bool wait_for_sync;
    esp_sntp_time_cb_t sync_cb;
    const char *servers[1];
} esp_sntp_config_t;
#define ESP_NETIF_SNTP_DEFAULT_CONFIG(server) {.wait_for_sync = true, .servers = {server}}
esp_err_t esp_netif_sntp_init(const esp_sntp_config_t *config);
