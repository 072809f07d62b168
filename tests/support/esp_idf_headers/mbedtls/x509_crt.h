/* Source: Mbed TLS v3.6.5 (ESP-IDF 5.5) and v4.0.0 with TF-PSA-Crypto v1.0.0 (ESP-IDF 6.0), include/mbedtls/x509_crt.h */
#pragma once

#include "mbedtls/pk.h"

typedef struct {
    mbedtls_pk_context pk;
} mbedtls_x509_crt;
void mbedtls_x509_crt_init(mbedtls_x509_crt *crt);
void mbedtls_x509_crt_free(mbedtls_x509_crt *crt);
int mbedtls_x509_crt_parse(mbedtls_x509_crt *chain, const unsigned char *buf, size_t buflen);
