/* Source: ESP-IDF v5.5.5 and v6.0.2, components/esp_netif/include (esp_netif.h, esp_netif_types.h), esp_wifi/include/esp_wifi_default.h */
#pragma once

#include "esp_event.h"

typedef struct esp_netif_obj esp_netif_t;
extern esp_event_base_t const IP_EVENT;
typedef enum { IP_EVENT_STA_GOT_IP, IP_EVENT_STA_LOST_IP } ip_event_t;
esp_err_t esp_netif_init(void);
esp_netif_t *esp_netif_create_default_wifi_sta(void);
