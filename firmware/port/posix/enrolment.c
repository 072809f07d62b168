/* How a board comes by its certificate: a key of its own, a request signed with it, and what came back for that. */
#include <mbedtls/ecp.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_csr.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

#include "identity.h"
#include "log.h"

static int fill_random(void *context, unsigned char *out, size_t length) {
    (void)context;
    return psa_generate_random(out, length) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

bool identity_claim(const px_identity *identity, char *out, size_t capacity) {
    size_t length = 0;
    if (!file_read(identity->claim_path, (uint8_t *)out, capacity - 1, &length)) {
        return false;
    }
    /* What an editor leaves at the end of a line. */
    while (length > 0 && (out[length - 1] == '\n' || out[length - 1] == '\r')) {
        length--;
    }
    out[length] = '\0';
    return strlen(out) == length;
}

/* On disk before anybody hears of it: a claim is bound to a key, and there is no second one. */
static bool make_key(const px_identity *identity, mbedtls_pk_context *key) {
    unsigned char pem[512];
    bool good = identity_is_done(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), "device.key") &&
                identity_is_done(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), fill_random, NULL),
                                 "device.key") &&
                identity_is_done(mbedtls_pk_write_key_pem(key, pem, sizeof pem), "device.key") &&
                file_replace(identity->folder, "device.key", pem, strlen((const char *)pem), 0600);
    mbedtls_platform_zeroize(pem, sizeof pem);
    if (good) {
        say(LEVEL_INFO, "identity: made a key, %s", identity->key_path);
    }
    return good;
}

/* A key that is there and unreadable is a person's to mend: it is never overwritten. */
static bool read_key(const px_identity *identity, mbedtls_pk_context *key) {
    if (!identity_is_done(mbedtls_pk_parse_keyfile(key, identity->key_path, NULL), identity->key_path)) {
        return false;
    }
    if (!mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA) || mbedtls_pk_ec(*key)->grp.id != MBEDTLS_ECP_DP_SECP256R1) {
        say(LEVEL_ERROR, "identity: %s is not a key of the curve P-256", identity->key_path);
        return false;
    }
    return true;
}

static bool write_request(const px_identity *identity, mbedtls_pk_context *key, char *pem, size_t capacity) {
    char subject[EF_DEVICE_ID_MAX + 8];
    mbedtls_x509write_csr request;
    (void)snprintf(subject, sizeof subject, "CN=%s", identity->device_id);
    mbedtls_x509write_csr_init(&request);
    mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&request, key);
    bool good = identity_is_done(mbedtls_x509write_csr_set_subject_name(&request, subject), "request") &&
                identity_is_done(mbedtls_x509write_csr_pem(&request, (unsigned char *)pem, capacity, fill_random, NULL),
                                 "request");
    mbedtls_x509write_csr_free(&request);
    return good;
}

bool identity_request(px_identity *identity, char *pem, size_t capacity, size_t *length) {
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    bool good = (file_is_there(identity->key_path) ? read_key(identity, &key) : make_key(identity, &key)) &&
                write_request(identity, &key, pem, capacity);
    *length = good ? strlen(pem) : 0;
    mbedtls_pk_free(&key);
    return good;
}

bool identity_install(px_identity *identity, const char *pem, size_t length) {
    static const char what[] = "the registry's certificate";
    unsigned char text[EF_CERTIFICATE_MAX + 1];
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    if (length > EF_CERTIFICATE_MAX) {
        say(LEVEL_ERROR, "identity: %s is longer than %d bytes", what, EF_CERTIFICATE_MAX);
        return false;
    }
    memcpy(text, pem, length);
    text[length] = '\0';
    mbedtls_x509_crt_init(&chain);
    mbedtls_pk_init(&key);
    bool good = identity_is_done(mbedtls_x509_crt_parse(&chain, text, length + 1), what) && read_key(identity, &key) &&
                identity_fits(identity, &chain, &key, what) &&
                file_replace(identity->folder, "device.crt", text, length, 0644);
    identity->has_certificate = identity->has_certificate || good;
    if (good) {
        say(LEVEL_INFO, "identity: the certificate of %s is in %s", identity->device_id, identity->certificate_path);
    }
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&chain);
    return good;
}
