#include "board.h"

#include <psa/crypto.h>
#include <stdio.h>
#include <time.h>

#include "log.h"
#include "watchdog.h"

static uint64_t read_clock(void *context) {
    (void)context;
    return now_ms();
}

static int64_t read_calendar(void *context) {
    struct timespec now;
    (void)context;
    return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 : 0;
}

static bool fill_random(void *context, void *out, size_t length) {
    (void)context;
    return psa_generate_random(out, length) == PSA_SUCCESS;
}

static void write_log(void *context, const char *text) {
    (void)context;
    say(LEVEL_INFO, "agent: %s", text);
}

static void arm_watchdog(void *context, uint32_t ms) {
    (void)context;
    watchdog_arm(ms);
}

static void disarm_watchdog(void *context) {
    (void)context;
    watchdog_disarm();
}

static void restart(void *context, const char *why) {
    (void)context;
    panic("restart: %s", why);
}

static bool read_flash(void *context, uint32_t offset, void *out, size_t length) {
    return flash_read(&((px_board *)context)->flash, offset, out, length);
}

static bool program_flash(void *context, uint32_t offset, const void *bytes, size_t length) {
    return flash_program(&((px_board *)context)->flash, offset, bytes, length);
}

static bool erase_flash(void *context, uint32_t offset) {
    return flash_erase(&((px_board *)context)->flash, offset);
}

static const uint8_t *map_flash(void *context, uint32_t offset, size_t length) {
    return flash_map(&((px_board *)context)->flash, offset, length);
}

static ef_io open_stream(void *context, ef_peer peer) {
    return stream_open(&((px_board *)context)->stream, peer);
}

static ef_io read_stream(void *context, uint8_t *out, size_t capacity, size_t *got) {
    return stream_read(&((px_board *)context)->stream, out, capacity, got);
}

static ef_io write_stream(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    return stream_write(&((px_board *)context)->stream, bytes, length, put);
}

static void close_stream(void *context) {
    stream_close(&((px_board *)context)->stream);
}

static bool subscribe(void *context, const char *topic, int qos) {
    return session_subscribe(&((px_board *)context)->session, topic, qos);
}

static bool publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    return session_publish(&((px_board *)context)->session, topic, bytes, length, qos, retain);
}

static bool unsubscribe(void *context, const char *topic) {
    return session_unsubscribe(&((px_board *)context)->session, topic);
}

static bool load_model(void *context, const uint8_t *model, size_t length, uint32_t arena_bytes,
                       ef_inference_info *info) {
    return inference_load(&((px_board *)context)->inference, model, length, arena_bytes, info);
}

static uint8_t *model_input(void *context, size_t *bytes) {
    return inference_input(&((px_board *)context)->inference, bytes);
}

static const uint8_t *invoke_model(void *context, size_t *bytes) {
    return inference_invoke(&((px_board *)context)->inference, bytes);
}

static void unload_model(void *context) {
    inference_unload(&((px_board *)context)->inference);
}

static bool read_claim(void *context, char *out, size_t capacity) {
    return identity_claim(((px_board *)context)->identity, out, capacity);
}

static bool has_certificate(void *context) {
    return identity_has_certificate(((px_board *)context)->identity);
}

static bool write_request(void *context, char *pem, size_t capacity, size_t *length) {
    return identity_request(((px_board *)context)->identity, pem, capacity, length);
}

static bool install_certificate(void *context, const char *pem, size_t length) {
    return identity_install(((px_board *)context)->identity, pem, length);
}

static bool start_sensors(void *context, uint32_t rate_hz) {
    return sensors_start(&((px_board *)context)->sensors, rate_hz);
}

static void stop_sensors(void *context) {
    sensors_stop(&((px_board *)context)->sensors);
}

static ef_io read_sensors(void *context, ef_sensor_frame *frames, size_t capacity, size_t *got) {
    return sensors_read(&((px_board *)context)->sensors, frames, capacity, got);
}

static bool read_temperature(void *context, float *celsius) {
    return sensors_temperature(&((px_board *)context)->sensors, celsius);
}

static bool set_valve(void *context, bool open) {
    return sensors_set_valve(&((px_board *)context)->sensors, open);
}

static const char *write_host(char *out, size_t size, const char *name, const char *port) {
    snprintf(out, size, "%s:%s", name, port);
    return out;
}

void board_wire(px_board *board, const px_options *options, px_identity *identity) {
    board->identity = identity;
    board->hal = (ef_hal){
        .context = board,
        .clock = {read_clock, read_calendar},
        .random = {fill_random},
        .log = {write_log},
        .watchdog = {arm_watchdog, disarm_watchdog, restart},
        .flash = {read_flash, program_flash, erase_flash, map_flash},
        .stream = {open_stream, read_stream, write_stream, close_stream, {NULL, NULL}},
        .mqtt = {subscribe, publish, unsubscribe},
        .inference = {load_model, model_input, invoke_model, unload_model},
        .sensors = {MOTOR_AMPERE_PER_LSB, MOTOR_METRE_PER_SECOND2_PER_LSB, MOTOR_PASCAL_PER_LSB, start_sensors,
                    stop_sensors, read_sensors, read_temperature},
        .actuator = {set_valve},
    };
    board->hal.stream.host[EF_PEER_MODEL_REGISTRY] = write_host(
        board->hosts[EF_PEER_MODEL_REGISTRY], sizeof board->hosts[0], options->registry_name, options->registry.port);
    if (options->device_registry.host[0] != '\0') {
        board->hal.stream.host[EF_PEER_DEVICE_REGISTRY] =
            write_host(board->hosts[EF_PEER_DEVICE_REGISTRY], sizeof board->hosts[0], options->device_registry_name,
                       options->device_registry.port);
    }
    if (options->claim != NULL) {
        board->hal.identity = (ef_hal_identity){read_claim, has_certificate, write_request, install_certificate};
    }
}
