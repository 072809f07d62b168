/* What the core needs of a board. A port fills these tables; the core calls nothing else of the outside world.
 *
 * Every function gets the port's own `context`. Nothing blocks for longer than a flash operation or one inference:
 * a stream answers EF_IO_AGAIN, and the core comes back when it is polled. One thread calls all of it. */
#ifndef EDGEFLEET_HAL_H
#define EDGEFLEET_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    EF_IO_OK = 0,
    EF_IO_AGAIN,  /* nothing yet; poll again */
    EF_IO_END,    /* the peer closed in good order */
    EF_IO_FAILED  /* for good; `ef_hal_log` has said why */
} ef_io;

/* NOR flash: an erased byte is 0xFF, programming only clears bits, erasing sets a whole sector. */
#define EF_FLASH_SECTOR 4096u

typedef struct {
    /* All return false when the hardware fails; offsets count from the start of the device's own flash. */
    bool (*read)(void *context, uint32_t offset, void *out, size_t length);
    bool (*program)(void *context, uint32_t offset, const void *bytes, size_t length);
    bool (*erase)(void *context, uint32_t offset); /* one sector; `offset` is a multiple of EF_FLASH_SECTOR */
    /* Bytes in place, 16-byte aligned where `offset` is, valid until that range is erased or programmed. */
    const uint8_t *(*map)(void *context, uint32_t offset, size_t length);
} ef_hal_flash;

/* One TLS connection at a time, to the model registry, with the device's certificate; the port knows address, name and
 * trusted CA, and refuses a server that does not prove the name. */
typedef struct {
    ef_io (*open)(void *context); /* EF_IO_AGAIN until connected and verified: call again */
    ef_io (*read)(void *context, uint8_t *out, size_t capacity, size_t *got);
    ef_io (*write)(void *context, const uint8_t *bytes, size_t length, size_t *put);
    void (*close)(void *context); /* also of a stream that is not open */
    const char *host;             /* what an HTTP request's Host header says */
} ef_hal_stream;

/* The MQTT session. The port connects and reconnects with jittered backoff, clean start, QoS 1 subscriptions, and
 * tells the core through ef_agent_connected, _disconnected and _message. */
typedef struct {
    bool (*subscribe)(void *context, const char *topic, int qos);
    bool (*publish)(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain);
} ef_hal_mqtt;

typedef struct {
    uint64_t (*monotonic_ms)(void *context);
    bool (*random)(void *context, void *out, size_t length);
    void (*log)(void *context, const char *text);
    /* Restarts the device; does not return. */
    void (*restart)(void *context, const char *why);
} ef_hal_system;

#define EF_INFERENCE_ERROR_MAX 160

typedef struct {
    uint32_t arena_used;
    uint32_t input_bytes;  /* of the first input */
    uint32_t output_bytes; /* of the first output */
    char error[EF_INFERENCE_ERROR_MAX]; /* why loading was refused, for people */
} ef_inference_info;

/* The model runtime. `model` stays readable until unload. A runtime that crashes takes the device with it: the port
 * restarts, as a panic would. */
typedef struct {
    bool (*load)(void *context, const uint8_t *model, size_t length, uint32_t arena_bytes, ef_inference_info *info);
    bool (*run)(void *context, const uint8_t *input, size_t length, uint8_t *output, size_t capacity, size_t *got);
    void (*unload)(void *context);
} ef_hal_inference;

typedef struct {
    void *context;
    ef_hal_system system;
    ef_hal_flash flash;
    ef_hal_stream stream;
    ef_hal_mqtt mqtt;
    ef_hal_inference inference;
} ef_hal;

#endif
