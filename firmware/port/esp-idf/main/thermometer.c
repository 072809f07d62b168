/* A DS18B20 on the machine's case. It converts for most of a second, so a task of its own waits for it. */
#include <ds18b20.h>
#include <esp_log.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <onewire_bus.h>

#include "board.h"

#define PERIOD_MS 2000
#define MISSES_MAX 3

static const char tag[] = "thermometer";

static void measure(ds18b20_device_handle_t sensor, atomic_int *millicelsius) {
    unsigned misses = 0;
    for (;;) {
        float celsius = 0;
        if (ds18b20_trigger_temperature_conversion(sensor) == ESP_OK &&
            ds18b20_get_temperature(sensor, &celsius) == ESP_OK) {
            atomic_store(millicelsius, (int)(celsius * 1000.0f));
            misses = 0;
        } else if (++misses >= MISSES_MAX) {
            atomic_store(millicelsius, TEMPERATURE_UNKNOWN);
        }
        vTaskDelay(pdMS_TO_TICKS(PERIOD_MS));
    }
}

static void run(void *argument) {
    ei_board *board = argument;
    onewire_bus_handle_t bus = NULL;
    ds18b20_device_handle_t sensor = NULL;
    const onewire_bus_config_t wire = {.bus_gpio_num = CONFIG_EDGEFLEET_TEMPERATURE_GPIO};
    const onewire_bus_rmt_config_t pulses = {.max_rx_bytes = 10}; /* a command, and the longest answer */
    const ds18b20_config_t config = {};
    if (onewire_new_bus_rmt(&wire, &pulses, &bus) == ESP_OK &&
        ds18b20_new_device_from_bus(bus, &config, &sensor) == ESP_OK) {
        measure(sensor, &board->millicelsius);
    }
    ESP_LOGE(tag, "the 1-Wire bus cannot be used");
    vTaskDelete(NULL);
}

void thermometer_open(ei_board *board) {
    atomic_store(&board->millicelsius, TEMPERATURE_UNKNOWN);
    if (xTaskCreate(run, "thermometer", 3072, board, 1, NULL) != pdPASS) {
        ESP_LOGE(tag, "no memory");
    }
}
