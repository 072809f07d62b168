/* How a board comes by its certificate: a key of its own, a request signed with it, and what came back for that. */
#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_csr.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

#include "identity.h"
#include "log.h"

enum { SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE };

static int fill_random(void *context, unsigned char *out, size_t length) {
    (void)context;
    return psa_generate_random(out, length) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

bool identity_claim(const px_identity *identity, char *out, size_t capacity) {
    char text[128];
    size_t length = 0;
    if (!file_read(identity->claim_path, (uint8_t *)text, sizeof text, &length)) {
        return false;
    }
    /* What an editor leaves at the end of a line. */
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        length--;
    }
    if (length >= capacity || memchr(text, '\0', length) != NULL) {
        say(LEVEL_ERROR, "identity: %s: too long for a claim, or binary", identity->claim_path);
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
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

/* The three parts of a PKCS#10 request, each with its tag, but the algorithm's OID alone. */
typedef struct {
    mbedtls_asn1_buf subject;
    mbedtls_asn1_buf algorithm;
    mbedtls_asn1_buf signature;
} request_parts;

static int take_apart(unsigned char *at, const unsigned char *end, request_parts *parts) {
    size_t length = 0;
    int result = mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE);
    parts->subject.p = at;
    if (result == 0 && (result = mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE)) == 0) {
        at += length;
        parts->subject.len = (size_t)(at - parts->subject.p);
        result = mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE);
    }
    if (result != 0) {
        return result;
    }
    parts->signature.p = at + length;
    parts->signature.len = (size_t)(end - parts->signature.p);
    result = mbedtls_asn1_get_tag(&at, end, &parts->algorithm.len, MBEDTLS_ASN1_OID);
    parts->algorithm.p = at;
    return result;
}

static bool wrote(int result) {
    return result >= 0;
}

/* Writes the parts to the end of `out`; returns how many bytes, 0 when they do not fit. */
static size_t put_together(const request_parts *parts, unsigned char *out, size_t capacity) {
    unsigned char *end = out + capacity;
    unsigned char *at = end;
    bool good = wrote(mbedtls_asn1_write_raw_buffer(&at, out, parts->signature.p, parts->signature.len));
    const unsigned char *behind = at;
    good = good &&
           wrote(mbedtls_asn1_write_oid(&at, out, (const char *)parts->algorithm.p, parts->algorithm.len)) &&
           wrote(mbedtls_asn1_write_len(&at, out, (size_t)(behind - at))) &&
           wrote(mbedtls_asn1_write_tag(&at, out, SEQUENCE)) &&
           wrote(mbedtls_asn1_write_raw_buffer(&at, out, parts->subject.p, parts->subject.len)) &&
           wrote(mbedtls_asn1_write_len(&at, out, (size_t)(end - at))) &&
           wrote(mbedtls_asn1_write_tag(&at, out, SEQUENCE));
    return good ? (size_t)(end - at) : 0;
}

/* Mbed TLS 2.28 gives ECDSA's algorithm a NULL parameter, which RFC 5758 forbids and a strict registry refuses. The
 * signature does not cover it, so that it can be left out. */
static int write_pem(mbedtls_x509write_csr *request, char *pem, size_t capacity) {
    unsigned char der[1024];
    unsigned char good[1024];
    size_t length = 0;
    request_parts parts;
    int count = mbedtls_x509write_csr_der(request, der, sizeof der, fill_random, NULL);
    int result = count < 0 ? count : take_apart(der + sizeof der - (size_t)count, der + sizeof der, &parts);
    if (result != 0) {
        return result;
    }
    size_t whole = put_together(&parts, good, sizeof good);
    return mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE REQUEST-----\n", "-----END CERTIFICATE REQUEST-----\n",
                                    good + sizeof good - whole, whole, (unsigned char *)pem, capacity, &length);
}

static bool write_request(const px_identity *identity, mbedtls_pk_context *key, char *pem, size_t capacity) {
    char subject[EF_DEVICE_ID_MAX + 8];
    mbedtls_x509write_csr request;
    (void)snprintf(subject, sizeof subject, "CN=%s", identity->device_id);
    mbedtls_x509write_csr_init(&request);
    mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&request, key);
    bool good = identity_is_done(mbedtls_x509write_csr_set_subject_name(&request, subject), "request") &&
                identity_is_done(write_pem(&request, pem, capacity), "request");
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
