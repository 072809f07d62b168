#include <esp_log.h>
#include <esp_mac.h>
#include <esp_random.h>
#include <mbedtls/build_info.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "store.h"

#define SCALAR_BYTES 32
#define PUBLIC_MAX 128

static const char tag[] = "identity";

static psa_key_attributes_t describe_key(void) {
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT | PSA_KEY_USAGE_SIGN_HASH);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    return attributes;
}

/* For TLS, whose components want a key as bytes. Mbed TLS writes from the end of the buffer. */
static bool write_der(ei_identity *identity) {
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    int length = mbedtls_pk_copy_from_psa(identity->key_id, &key);
    if (length == 0) {
        length = mbedtls_pk_write_key_der(&key, identity->key, sizeof identity->key);
    }
    mbedtls_pk_free(&key);
    if (length <= 0) {
        ESP_LOGE(tag, "the key cannot be written: -0x%04x", (unsigned)-length);
        return false;
    }
    identity->key_length = (size_t)length;
    memmove(identity->key, identity->key + sizeof identity->key - identity->key_length, identity->key_length);
    return true;
}

static bool adopt_key(ei_identity *identity, const uint8_t scalar[SCALAR_BYTES]) {
    psa_key_attributes_t attributes = describe_key();
    psa_status_t status = psa_import_key(&attributes, scalar, SCALAR_BYTES, &identity->key_id);
    if (status != PSA_SUCCESS) {
        ESP_LOGE(tag, "the key in NVS is none: %d", (int)status);
        identity->key_id = PSA_KEY_ID_NULL;
        return false;
    }
    return write_der(identity);
}

/* Stored before it is used: a key that a restart forgets would make the certificate worthless. */
static bool make_key(ei_identity *identity) {
    uint8_t scalar[SCALAR_BYTES];
    size_t length = 0;
    psa_key_id_t made = PSA_KEY_ID_NULL;
    psa_key_attributes_t attributes = describe_key();
    bool good = psa_generate_key(&attributes, &made) == PSA_SUCCESS &&
                psa_export_key(made, scalar, sizeof scalar, &length) == PSA_SUCCESS && length == sizeof scalar &&
                store_write(STORE_KEY, scalar, sizeof scalar) && adopt_key(identity, scalar);
    (void)psa_destroy_key(made);
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    return good;
}

static void name_device(ei_identity *identity) {
    uint8_t mac[6] = {0};
    if (store_read_text(STORE_DEVICE_ID, identity->device_id, sizeof identity->device_id)) {
        return;
    }
    (void)esp_read_mac(mac, ESP_MAC_WIFI_STA);
    snprintf(identity->device_id, sizeof identity->device_id, "%.40s-%02x%02x%02x%02x%02x%02x",
             CONFIG_EDGEFLEET_DEVICE_CLASS, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool identity_open(ei_identity *identity) {
    uint8_t scalar[SCALAR_BYTES];
    size_t length = 0;
    bool good = true;
    name_device(identity);
    identity->ca = store_copy(STORE_CA, &length);
    identity->certificate = store_copy(STORE_CERTIFICATE, &length);
    identity->key_id = PSA_KEY_ID_NULL;
    if (identity->ca == NULL) {
        ESP_LOGE(tag, "NVS has no %s: no server can be trusted", STORE_CA);
        return false;
    }
    if (store_read(STORE_KEY, scalar, sizeof scalar)) {
        good = adopt_key(identity, scalar);
    }
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    if (good && identity->certificate != NULL && identity->key_id == PSA_KEY_ID_NULL) {
        ESP_LOGE(tag, "NVS has a certificate and no key");
        good = false;
    }
    return good;
}

static bool read_claim(void *context, char *out, size_t capacity) {
    (void)context;
    return store_read_text(STORE_CLAIM, out, capacity);
}

static bool has_certificate(void *context) {
    return ((const ei_board *)context)->identity.certificate != NULL;
}

#if MBEDTLS_VERSION_MAJOR >= 4
/* Mbed TLS 4 (ESP-IDF 6) takes randomness from PSA. */
static int write_csr(mbedtls_x509write_csr *csr, char *pem, size_t capacity) {
    return mbedtls_x509write_csr_pem(csr, (unsigned char *)pem, capacity);
}
#else
static int fill_random(void *context, unsigned char *out, size_t length) {
    (void)context;
    esp_fill_random(out, length);
    return 0;
}

static int write_csr(mbedtls_x509write_csr *csr, char *pem, size_t capacity) {
    return mbedtls_x509write_csr_pem(csr, (unsigned char *)pem, capacity, fill_random, NULL);
}
#endif

static bool write_request(void *context, char *pem, size_t capacity, size_t *length) {
    ei_identity *identity = &((ei_board *)context)->identity;
    char name[EF_DEVICE_ID_MAX + 4];
    mbedtls_pk_context key;
    mbedtls_x509write_csr csr;
    if (identity->key_id == PSA_KEY_ID_NULL && !make_key(identity)) {
        return false;
    }
    snprintf(name, sizeof name, "CN=%s", identity->device_id);
    mbedtls_pk_init(&key);
    mbedtls_x509write_csr_init(&csr);
    mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
    int error = mbedtls_pk_copy_from_psa(identity->key_id, &key);
    if (error == 0) {
        mbedtls_x509write_csr_set_key(&csr, &key);
        error = mbedtls_x509write_csr_set_subject_name(&csr, name);
    }
    error = error == 0 ? write_csr(&csr, pem, capacity) : error;
    mbedtls_x509write_csr_free(&csr);
    mbedtls_pk_free(&key);
    if (error != 0) {
        ESP_LOGE(tag, "the request cannot be written: -0x%04x", (unsigned)-error);
        return false;
    }
    *length = strlen(pem);
    return true;
}

/* Whether the leaf's public key is the device's own; keys are compared as they are written. */
static bool fits_key(const ei_identity *identity, const mbedtls_x509_crt *leaf) {
    uint8_t theirs[PUBLIC_MAX];
    uint8_t ours[PUBLIC_MAX];
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    bool good = mbedtls_pk_copy_from_psa(identity->key_id, &key) == 0;
    int length = good ? mbedtls_pk_write_pubkey_der(&key, ours, sizeof ours) : -1;
    good = good && length > 0 && mbedtls_pk_write_pubkey_der(&leaf->pk, theirs, sizeof theirs) == length &&
           memcmp(ours + sizeof ours - length, theirs + sizeof theirs - length, (size_t)length) == 0;
    mbedtls_pk_free(&key);
    return good;
}

static bool install_certificate(void *context, const char *pem, size_t length) {
    ei_identity *identity = &((ei_board *)context)->identity;
    mbedtls_x509_crt chain;
    char *copy = calloc(1, length + 1);
    if (copy == NULL || identity->key_id == PSA_KEY_ID_NULL) {
        free(copy);
        return false;
    }
    memcpy(copy, pem, length);
    mbedtls_x509_crt_init(&chain);
    bool good = mbedtls_x509_crt_parse(&chain, (const unsigned char *)copy, length + 1) == 0 &&
                fits_key(identity, &chain);
    mbedtls_x509_crt_free(&chain);
    if (!good || !store_write(STORE_CERTIFICATE, copy, length)) {
        ESP_LOGE(tag, "a certificate that does not fit the key, or cannot be kept");
        free(copy);
        return false;
    }
    if (identity->certificate == NULL) {
        identity->certificate = copy;
    } else {
        free(copy); /* the MQTT client's task may be reading the old one: a renewal counts from the next start */
    }
    return true;
}

void identity_wire(ef_hal *hal) {
    hal->identity = (ef_hal_identity){
        .claim = read_claim,
        .has_certificate = has_certificate,
        .request = write_request,
        .install = install_certificate,
    };
}
