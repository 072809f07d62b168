#include <esp_log.h>
#include <esp_netif_sntp.h>
#include <sys/time.h>

#include "board.h"
#include "store.h"

/* Rarely: it is only for certificates after a restart, and flash wears. */
#define SAVE_MS (6 * 60 * 60 * 1000)

static const char tag[] = "clock";

/* The callback of SNTP has no context. */
static atomic_bool is_told;

static void note_time(struct timeval *now) {
    (void)now;
    atomic_store(&is_told, true);
}

static int64_t wall_ms(void) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* A certificate needs a time before SNTP answers: it starts from the latest one that was kept, or from the one that the
 * firmware was built with. */
void clock_open(ei_board *board) {
    int64_t floor_ms = (int64_t)CONFIG_EDGEFLEET_TIME_FLOOR * 1000;
    if (!store_read(STORE_TIME, &board->saved_time, sizeof board->saved_time) || board->saved_time < floor_ms) {
        board->saved_time = floor_ms;
    }
    const struct timeval now = {.tv_sec = (time_t)(board->saved_time / 1000)};
    settimeofday(&now, NULL);
    esp_sntp_config_t config = ESP_NETIF_SNTP_DEFAULT_CONFIG(CONFIG_EDGEFLEET_TIME_SERVER);
    config.wait_for_sync = false;
    config.sync_cb = note_time;
    esp_err_t error = esp_netif_sntp_init(&config);
    if (error != ESP_OK) {
        ESP_LOGW(tag, "SNTP: %s", esp_err_to_name(error));
    }
}

void clock_work(ei_board *board) {
    int64_t now = atomic_load(&is_told) ? wall_ms() : 0;
    if (now > board->saved_time + SAVE_MS && store_write(STORE_TIME, &now, sizeof now)) {
        board->saved_time = now;
    }
}

static uint64_t monotonic_ms(void *context) {
    (void)context;
    return (uint64_t)esp_timer_get_time() / 1000u;
}

/* The kept time is good enough to judge a certificate, not to stamp what is said. */
static int64_t unix_ms(void *context) {
    (void)context;
    return atomic_load(&is_told) ? wall_ms() : 0;
}

void clock_wire(ef_hal *hal) {
    hal->clock = (ef_hal_clock){.monotonic_ms = monotonic_ms, .unix_ms = unix_ms};
}
