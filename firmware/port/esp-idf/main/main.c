/* A device on an ESP32: one task around the firmware core. */
#include <esp_app_desc.h>
#include <esp_heap_caps.h>
#include <esp_log.h>
#include <esp_system.h>
#include <esp_task_wdt.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <stdlib.h>

#include "board.h"
#include "inference.h"
#include "store.h"

#define WAIT_MOST_MS 1000u
#define RETRY_MS 60000u

static const char tag[] = "main";

static ei_board board;
static ef_agent_config config;

static void wire(void) {
    ef_hal *hal = &board.hal;
    hal->context = &board;
    clock_wire(hal);
    random_wire(hal);
    log_wire(hal);
    watchdog_wire(hal);
    flash_wire(hal);
    stream_wire(hal, &board.stream, &board.identity);
    session_wire(hal);
    inference_wire(hal);
    identity_wire(hal);
    sensors_wire(hal);
    actuator_wire(hal);
}

/* The radio first: true randomness needs it. */
static bool open_parts(void) {
    return psa_crypto_init() == PSA_SUCCESS && store_open() && network_open() && identity_open(&board.identity) &&
           flash_open(&board.flash) && watchdog_open(&board) && actuator_open();
}

/* Where no device registry hands keys out, provisioning wrote them into NVS. */
static void read_keys(ef_key_bundle *keys) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    size_t length = 0;
    ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, NULL, 0};
    ef_fault fault = {EF_REASON_OK, {0}};
    char *bytes = store_copy(STORE_KEYS, &length);
    if (bytes == NULL) {
        return;
    }
    ef_reason reason = ef_read_key_bundle((const uint8_t *)bytes, length, &workspace, keys, &fault);
    if (reason != EF_REASON_OK) {
        ESP_LOGE(tag, "%s: %s: %s", STORE_KEYS, ef_reason_names[reason], fault.path);
        *keys = (ef_key_bundle){0};
    }
    free(bytes);
}

static ef_agent *start_agent(void) {
    static ef_key_bundle keys;
    size_t size = ef_agent_size();
    bool is_asked = board.hal.stream.host[EF_PEER_DEVICE_REGISTRY] != NULL;
    read_keys(&keys);
    config = (ef_agent_config){
        .device_id = board.identity.device_id,
        .device_class = CONFIG_EDGEFLEET_DEVICE_CLASS,
        .firmware_version = esp_app_get_description()->version,
        .ram_bytes = (uint32_t)heap_caps_get_total_size(MALLOC_CAP_8BIT),
        .slot_bytes = board.flash.slot_bytes,
        .arena_bytes = CONFIG_EDGEFLEET_ARENA_BYTES,
        .ops = inference_ops,
        .ops_count = inference_ops_count,
        .release_keys = keys.release_keys,
        .release_count = keys.release_count,
        .assignment_keys = keys.assignment_keys,
        .assignment_count = keys.assignment_count,
        .keys_version = keys.seen.number,
        .scratch = calloc(1, ef_scratch_size()),
        .provision = is_asked ? calloc(1, ef_provision_size()) : NULL,
        .sense_memory = calloc(1, ef_sense_size()),
        .sense_work = calloc(EF_FEATURES_WORK, sizeof(float)),
    };
    bool is_enough = config.scratch != NULL && config.sense_memory != NULL && config.sense_work != NULL &&
                     (config.provision != NULL || !is_asked);
    return is_enough ? ef_agent_start(calloc(1, size), size, &config, &board.hal) : NULL;
}

/* Mended by a person, or by luck: it tries again, and says once a minute what is wrong. */
static void give_up(const char *why) {
    ESP_LOGE(tag, "%s", why);
    vTaskDelay(pdMS_TO_TICKS(RETRY_MS));
    esp_restart();
}

/* As large as a certificate's answer, and of no use once the device may work. */
static void free_provision(const ef_agent *agent) {
    if (config.provision != NULL && ef_agent_is_activated(agent)) {
        free(config.provision);
        config.provision = NULL;
    }
}

static void run(ef_agent *agent) {
    ESP_ERROR_CHECK(esp_task_wdt_add(NULL));
    for (;;) {
        uint32_t wait_ms = ef_agent_poll(agent);
        free_provision(agent);
        session_work(&board.session, wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS);
        clock_work(&board);
        ESP_ERROR_CHECK(esp_task_wdt_reset());
    }
}

void app_main(void) {
    wire();
    if (!open_parts()) {
        give_up("this board is not provisioned, or broken");
    }
    clock_open(&board);
    thermometer_open(&board);
    ef_agent *agent = start_agent();
    if (agent == NULL || !session_open(&board.session, &board.identity, agent)) {
        give_up("the agent does not start");
    }
    ESP_LOGI(tag, "%s, class %s, firmware %s", board.identity.device_id, CONFIG_EDGEFLEET_DEVICE_CLASS,
             esp_app_get_description()->version);
    run(agent);
}
