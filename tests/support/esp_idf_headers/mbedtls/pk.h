/* Source: Mbed TLS v3.6.5 (ESP-IDF 5.5) and v4.0.0 with TF-PSA-Crypto v1.0.0 (ESP-IDF 6.0), include/mbedtls/pk.h */
#pragma once

#include "psa/crypto.h"

typedef struct {
    void *private_key;
} mbedtls_pk_context;
typedef enum { MBEDTLS_MD_SHA256 = 9 } mbedtls_md_type_t;
void mbedtls_pk_init(mbedtls_pk_context *ctx);
void mbedtls_pk_free(mbedtls_pk_context *ctx);
int mbedtls_pk_copy_from_psa(mbedtls_svc_key_id_t key_id, mbedtls_pk_context *pk);
int mbedtls_pk_write_key_der(const mbedtls_pk_context *ctx, unsigned char *buf, size_t size);
int mbedtls_pk_write_pubkey_der(const mbedtls_pk_context *ctx, unsigned char *buf, size_t size);
