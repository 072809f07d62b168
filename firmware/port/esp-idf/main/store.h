/* The NVS namespace `edgefleet`: what provisioning wrote, and what the port keeps. */
#ifndef EDGEFLEET_ESP_IDF_STORE_H
#define EDGEFLEET_ESP_IDF_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys have at most 15 characters. */
#define STORE_DEVICE_ID "device-id"      /* string; missing: class and MAC address */
#define STORE_CLAIM "claim"              /* string; kept: power may fail before what it brought is stored */
#define STORE_SSID "wifi-ssid"           /* string */
#define STORE_PASSWORD "wifi-password"   /* string */
#define STORE_CA "ca"                    /* blob: PEM, of every server */
#define STORE_CERTIFICATE "certificate"  /* blob: PEM, leaf first */
#define STORE_KEY "key"                  /* blob: the P-256 scalar, 32 bytes */
#define STORE_KEYS "keys"                /* blob: an unsigned key bundle (JSON), where no device registry is */
#define STORE_TIME "time"                /* blob: int64_t, milliseconds since 1970 */

/* False, and has said why: NVS cannot be used. */
bool store_open(void);

/* A string with its final NUL; false: there is none, or it does not fit. */
bool store_read_text(const char *key, char *out, size_t capacity);

/* A blob of exactly this length. */
bool store_read(const char *key, void *out, size_t length);

/* A blob on the heap, for the caller to free, with a NUL behind it; NULL: there is none. */
char *store_copy(const char *key, size_t *length);

bool store_write(const char *key, const void *bytes, size_t length);

#endif
