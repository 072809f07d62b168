/* Who the device is: a key that never leaves it, and the certificate that a registry gave for it. NULL functions: it
 * was provisioned by other means. */
#ifndef EDGEFLEET_HAL_IDENTITY_H
#define EDGEFLEET_HAL_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    /* The one-time token that a person put on the device, as text; false: there is none. */
    bool (*claim)(void *context, char *out, size_t capacity);
    bool (*has_certificate)(void *context);
    /* A PKCS#10 request in PEM, CN = device id; makes the key if there is none. `length` without the final NUL. */
    bool (*request)(void *context, char *pem, size_t capacity, size_t *length);
    /* Keeps a certificate chain, leaf first; refused when it does not fit the key. */
    bool (*install)(void *context, const char *pem, size_t length);
} ef_hal_identity;

#endif
