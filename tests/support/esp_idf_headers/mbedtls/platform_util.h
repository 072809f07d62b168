/* Source: Mbed TLS v3.6.5 (ESP-IDF 5.5) and v4.0.0 with TF-PSA-Crypto v1.0.0 (ESP-IDF 6.0), include/mbedtls/platform_util.h */
#pragma once

#include <stddef.h>

void mbedtls_platform_zeroize(void *buf, size_t len);
