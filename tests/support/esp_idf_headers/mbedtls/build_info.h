/* Source: Mbed TLS v3.6.5 (ESP-IDF 5.5) and v4.0.0 with TF-PSA-Crypto v1.0.0 (ESP-IDF 6.0), include/mbedtls/build_info.h */
#pragma once

#ifndef MBEDTLS_VERSION_MAJOR
#error "the test says which of the two it compiles for"
#endif
