/* Mbed TLS with what the core asks of PSA Crypto, and nothing more: SHA-256 and verifying ECDSA on P-256. A device that
 * speaks TLS has all of this already. */
#ifndef EDGEFLEET_MBEDTLS_CONFIG_H
#define EDGEFLEET_MBEDTLS_CONFIG_H

#define MBEDTLS_PSA_CRYPTO_C
/* Nothing here makes keys; what PSA asks randomness for at its start comes from the board. */
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_ECP_NO_INTERNAL_RNG

#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_MD_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDSA_C

/* Memory before speed: a device verifies two signatures an update. */
#define MBEDTLS_ECP_WINDOW_SIZE 2
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_MPI_MAX_SIZE 64
#define MBEDTLS_PSA_KEY_SLOT_COUNT 4

/* The board counts what crypto takes at most. */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#include <stddef.h>
void *board_calloc(size_t count, size_t size);
void board_free(void *memory);
#define MBEDTLS_PLATFORM_CALLOC_MACRO board_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO board_free

#include "mbedtls/check_config.h"

#endif
