/* Wi-Fi as a station, for ever. */
#include <esp_event.h>
#include <esp_log.h>
#include <esp_netif.h>
#include <esp_wifi.h>
#include <string.h>

#include "board.h"
#include "store.h"

static const char tag[] = "network";

static atomic_bool is_up;

static void note_event(void *argument, esp_event_base_t base, int32_t id, void *data) {
    (void)argument;
    (void)data;
    if (base == IP_EVENT) {
        atomic_store(&is_up, id == IP_EVENT_STA_GOT_IP);
        return;
    }
    if (id == WIFI_EVENT_STA_DISCONNECTED) {
        atomic_store(&is_up, false);
    }
    if (id == WIFI_EVENT_STA_START || id == WIFI_EVENT_STA_DISCONNECTED) {
        /* Each attempt scans for seconds, which is pause enough. */
        (void)esp_wifi_connect();
    }
}

static bool is_done(esp_err_t error, const char *what) {
    if (error != ESP_OK) {
        ESP_LOGE(tag, "%s: %s", what, esp_err_to_name(error));
    }
    return error == ESP_OK;
}

static bool hear(esp_event_base_t base, int32_t id) {
    return is_done(esp_event_handler_instance_register(base, id, note_event, NULL, NULL), "events");
}

static bool start_station(void) {
    wifi_init_config_t driver = WIFI_INIT_CONFIG_DEFAULT();
    wifi_config_t station = {0};
    if (!store_read_text(STORE_SSID, (char *)station.sta.ssid, sizeof station.sta.ssid) ||
        !store_read_text(STORE_PASSWORD, (char *)station.sta.password, sizeof station.sta.password)) {
        ESP_LOGE(tag, "NVS has no %s and %s", STORE_SSID, STORE_PASSWORD);
        return false;
    }
    station.sta.threshold.authmode = WIFI_AUTH_WPA2_PSK;
    return is_done(esp_wifi_init(&driver), "driver") && is_done(esp_wifi_set_storage(WIFI_STORAGE_RAM), "storage") &&
           is_done(esp_wifi_set_mode(WIFI_MODE_STA), "mode") &&
           is_done(esp_wifi_set_config(WIFI_IF_STA, &station), "settings") && is_done(esp_wifi_start(), "start");
}

bool network_open(void) {
    if (!is_done(esp_netif_init(), "network interfaces") || !is_done(esp_event_loop_create_default(), "events")) {
        return false;
    }
    return esp_netif_create_default_wifi_sta() != NULL && hear(WIFI_EVENT, ESP_EVENT_ANY_ID) &&
           hear(IP_EVENT, IP_EVENT_STA_GOT_IP) && hear(IP_EVENT, IP_EVENT_STA_LOST_IP) && start_station();
}

bool network_is_up(void) {
    return atomic_load(&is_up);
}
