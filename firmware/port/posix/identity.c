#include "identity.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>

#include "edgefleet/topic.h"
#include "log.h"

static bool join(char out[IDENTITY_PATH_MAX], const char *folder, const char *name) {
    int length = snprintf(out, IDENTITY_PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= IDENTITY_PATH_MAX) {
        say(LEVEL_ERROR, "identity: the folder's path is longer than %d bytes", IDENTITY_PATH_MAX);
        return false;
    }
    return true;
}

/* False, and said, when an Mbed TLS call failed. */
static bool is_done(int result, const char *path) {
    char text[128];
    if (result == 0) {
        return true;
    }
    if (result > 0) { /* of a PEM file with several certificates, so many were unreadable */
        say(LEVEL_ERROR, "identity: %s: %d certificates are unreadable", path, result);
        return false;
    }
    mbedtls_strerror(result, text, sizeof text);
    say(LEVEL_ERROR, "identity: %s: %s", path, text);
    return false;
}

static const mbedtls_x509_name *find_common_name(const mbedtls_x509_crt *certificate) {
    const mbedtls_x509_name *name = &certificate->subject;
    while (name != NULL && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) != 0) {
        name = name->next;
    }
    return name;
}

static bool read_device_id(px_identity *identity, const mbedtls_x509_crt *certificate) {
    char topic[128];
    const mbedtls_x509_name *name = find_common_name(certificate);
    if (name == NULL || name->val.len > EF_DEVICE_ID_MAX || memchr(name->val.p, '\0', name->val.len) != NULL) {
        say(LEVEL_ERROR, "identity: %s: the certificate's CN is no device id", identity->certificate_path);
        return false;
    }
    memcpy(identity->device_id, name->val.p, name->val.len);
    identity->device_id[name->val.len] = '\0';
    if (!ef_topic_build(&ef_topics[EF_TOPIC_DESIRED], identity->device_id, topic, sizeof topic)) {
        say(LEVEL_ERROR, "identity: %s: the certificate's CN, '%s', is no device id", identity->certificate_path,
            identity->device_id);
        return false;
    }
    return true;
}

/* Reads all three, so that a broken file is found at the start and not at the first connection. */
static bool read_certificate(px_identity *identity) {
    mbedtls_x509_crt ca;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    bool good = is_done(mbedtls_x509_crt_parse_file(&ca, identity->ca_path), identity->ca_path) &&
                is_done(mbedtls_x509_crt_parse_file(&certificate, identity->certificate_path),
                        identity->certificate_path) &&
                is_done(mbedtls_pk_parse_keyfile(&key, identity->key_path, NULL), identity->key_path);
    if (good && mbedtls_pk_check_pair(&certificate.pk, &key) != 0) {
        say(LEVEL_ERROR, "identity: %s is not the key of %s", identity->key_path, identity->certificate_path);
        good = false;
    }
    good = good && read_device_id(identity, &certificate);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_x509_crt_free(&ca);
    return good;
}

static bool read_file(const char *path, uint8_t *out, size_t capacity, size_t *length) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        say(LEVEL_ERROR, "identity: %s: %s", path, strerror(errno));
        return false;
    }
    *length = fread(out, 1, capacity, file);
    bool good = ferror(file) == 0 && fgetc(file) == EOF;
    if (!good) {
        say(LEVEL_ERROR, "identity: %s: unreadable, or longer than %zu bytes", path, capacity);
    }
    fclose(file);
    return good;
}

static bool read_keys(px_identity *identity, const char *path) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    uint8_t bytes[EF_KEY_BUNDLE_MAX];
    size_t length = 0;
    ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, NULL, 0};
    ef_fault fault = {EF_REASON_OK, {0}};
    if (!read_file(path, bytes, sizeof bytes, &length)) {
        return false;
    }
    ef_reason reason = ef_read_key_bundle(bytes, length, &workspace, &identity->keys, &fault);
    if (reason != EF_REASON_OK) {
        say(LEVEL_ERROR, "identity: %s: %s: %s", path, ef_reason_names[reason],
            fault.path[0] != '\0' ? fault.path : "the document");
        return false;
    }
    return true;
}

bool identity_load(px_identity *identity, const char *folder) {
    char keys[IDENTITY_PATH_MAX];
    memset(identity, 0, sizeof *identity);
    return join(identity->ca_path, folder, "ca.crt") && join(identity->certificate_path, folder, "device.crt") &&
           join(identity->key_path, folder, "device.key") && join(keys, folder, "keys.json") &&
           read_certificate(identity) && read_keys(identity, keys);
}
