/* Source: Mbed TLS v3.6.5 (ESP-IDF 5.5) and v4.0.0 with TF-PSA-Crypto v1.0.0 (ESP-IDF 6.0), include/mbedtls/x509_csr.h */
#pragma once

#include "mbedtls/build_info.h"
#include "mbedtls/pk.h"

typedef struct {
    mbedtls_pk_context *private_key;
} mbedtls_x509write_csr;
void mbedtls_x509write_csr_init(mbedtls_x509write_csr *ctx);
void mbedtls_x509write_csr_free(mbedtls_x509write_csr *ctx);
void mbedtls_x509write_csr_set_key(mbedtls_x509write_csr *ctx, mbedtls_pk_context *key);
void mbedtls_x509write_csr_set_md_alg(mbedtls_x509write_csr *ctx, mbedtls_md_type_t md_alg);
int mbedtls_x509write_csr_set_subject_name(mbedtls_x509write_csr *ctx, const char *subject_name);
#if MBEDTLS_VERSION_MAJOR >= 4
int mbedtls_x509write_csr_pem(mbedtls_x509write_csr *ctx, unsigned char *buf, size_t size);
#else
int mbedtls_x509write_csr_pem(mbedtls_x509write_csr *ctx, unsigned char *buf, size_t size,
                              int (*f_rng)(void *, unsigned char *, size_t), void *p_rng);
#endif
