/* A board: the parts that the HAL's contracts are made of, one file a contract.
 *
 * `wire` of each part fills its table of `hal`; the context of every call is the board. */
#ifndef EDGEFLEET_ESP_IDF_BOARD_H
#define EDGEFLEET_ESP_IDF_BOARD_H

#include <esp_adc/adc_continuous.h>
#include <esp_partition.h>
#include <esp_timer.h>
#include <esp_tls.h>
#include <freertos/FreeRTOS.h>
#include <freertos/queue.h>
#include <limits.h>
#include <mqtt_client.h>
#include <psa/crypto.h>
#include <stdatomic.h>

#include "edgefleet/agent.h"
#include "edgefleet/hal.h"

/* Partitions that follow each other in the device's own flash, wherever they lie on the chip. */
enum { AREA_JOURNAL, AREA_MANIFESTS, AREA_MODEL_A, AREA_MODEL_B, AREA_COUNT };

typedef struct {
    const esp_partition_t *partition;
    const uint8_t *bytes; /* mapped for good */
    uint32_t begin;       /* offset of its first byte */
} ei_area;

typedef struct {
    ei_area areas[AREA_COUNT];
    uint32_t size;
    uint32_t slot_bytes;
} ei_flash;

#define IDENTITY_KEY_MAX 160

typedef struct {
    char device_id[EF_DEVICE_ID_MAX + 1];
    const char *ca;          /* PEM; NULL: no server can be trusted */
    const char *certificate; /* PEM, leaf first; NULL: not provisioned yet */
    psa_key_id_t key_id;     /* volatile; PSA_KEY_ID_NULL: there is no key yet */
    uint8_t key[IDENTITY_KEY_MAX]; /* DER, for TLS */
    size_t key_length;
} ei_identity;

typedef enum { STREAM_CLOSED, STREAM_CONNECTING, STREAM_SHAKING_HANDS, STREAM_OPEN } ei_stream_state;

typedef struct {
    const ei_identity *identity;
    char authority[EF_PEER_COUNT][256 + 6]; /* host:port */
    ef_peer peer;
    ei_stream_state state;
    int socket; /* until esp-tls has it */
    esp_tls_t *tls;
    int64_t deadline; /* for the next byte, in microseconds since boot */
} ei_stream;

typedef struct {
    const ei_identity *identity;
    ef_agent *agent;
    char will_topic[128];
    uint8_t will[EF_PRESENCE_MAX];
    size_t will_length;
    QueueHandle_t events;            /* from the client's task to the agent's */
    atomic_bool overflowed;          /* an event found the queue full */
    esp_mqtt_client_handle_t client; /* one a connection: nothing of an earlier one can be sent again */
    bool is_connected;
    int64_t deadline; /* to be connected by, or to try again at, in microseconds since boot */
    uint32_t backoff_ms;
    struct {
        uint8_t *block; /* topic, then bytes; NULL: what comes of it is dropped */
        size_t topic_length;
        size_t length;
        size_t filled;
    } message; /* as far as it has come; the client's task's, while there is one */
} ei_session;

enum { CHANNEL_CURRENT, CHANNEL_VIBRATION, CHANNEL_SOUND, CHANNEL_COUNT };

typedef struct {
    adc_continuous_handle_t adc; /* NULL: not sampling */
    adc_channel_t channels[CHANNEL_COUNT];
    uint32_t sums[CHANNEL_COUNT]; /* of the frame that is under way */
    uint8_t counts[CHANNEL_COUNT];
    atomic_bool overflowed;
} ei_sensors;

#define TEMPERATURE_UNKNOWN INT_MIN

typedef struct {
    ei_flash flash;
    ei_identity identity;
    ei_stream stream;
    ei_session session;
    ei_sensors sensors;
    atomic_int millicelsius; /* written by the thermometer's task */
    esp_timer_handle_t watchdog;
    int64_t saved_time;
    ef_hal hal;
} ei_board;

/* Each false, and has said why: the board cannot work like this. */
bool flash_open(ei_flash *flash);
bool identity_open(ei_identity *identity);
bool network_open(void);
bool watchdog_open(ei_board *board);
bool actuator_open(void);
bool session_open(ei_session *session, const ei_identity *identity, ef_agent *agent);
void clock_open(ei_board *board);
void thermometer_open(ei_board *board); /* a board without one answers that it knows no temperature */

void flash_wire(ef_hal *hal);
void stream_wire(ef_hal *hal, ei_stream *stream, const ei_identity *identity);
void session_wire(ef_hal *hal);
void clock_wire(ef_hal *hal);
void random_wire(ef_hal *hal);
void log_wire(ef_hal *hal);
void watchdog_wire(ef_hal *hal);
void identity_wire(ef_hal *hal);
void sensors_wire(ef_hal *hal);
void actuator_wire(ef_hal *hal);

bool network_is_up(void);

/* Waits up to so many milliseconds for something to happen, and tells the agent. */
void session_work(ei_session *session, uint32_t wait_ms);

/* Keeps the time now and then, for certificates after the next start. */
void clock_work(ei_board *board);

#endif
