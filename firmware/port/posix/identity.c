#include "identity.h"

#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <string.h>

#include "edgefleet/topic.h"
#include "log.h"

bool identity_is_done(int result, const char *path) {
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

static bool is_device_id(const char *text) {
    char topic[128];
    return ef_topic_build(&ef_topics[EF_TOPIC_DESIRED], text, topic, sizeof topic);
}

static bool read_device_id(char out[EF_DEVICE_ID_MAX + 1], const mbedtls_x509_crt *certificate, const char *path) {
    const mbedtls_x509_name *name = find_common_name(certificate);
    if (name == NULL || name->val.len > EF_DEVICE_ID_MAX || memchr(name->val.p, '\0', name->val.len) != NULL) {
        say(LEVEL_ERROR, "identity: %s: the certificate's CN is no device id", path);
        return false;
    }
    memcpy(out, name->val.p, name->val.len);
    out[name->val.len] = '\0';
    if (!is_device_id(out)) {
        say(LEVEL_ERROR, "identity: %s: the certificate's CN, '%s', is no device id", path, out);
        return false;
    }
    return true;
}

bool identity_fits(const px_identity *identity, const mbedtls_x509_crt *certificate, const mbedtls_pk_context *key,
                   const char *path) {
    char name[EF_DEVICE_ID_MAX + 1];
    if (mbedtls_pk_check_pair(&certificate->pk, key) != 0) {
        say(LEVEL_ERROR, "identity: %s is not the key of %s", identity->key_path, path);
        return false;
    }
    if (!read_device_id(name, certificate, path)) {
        return false;
    }
    if (identity->device_id[0] != '\0' && strcmp(name, identity->device_id) != 0) {
        say(LEVEL_ERROR, "identity: %s: the certificate is for %s, not for %s", path, name, identity->device_id);
        return false;
    }
    return true;
}

static bool read_ca(const px_identity *identity) {
    mbedtls_x509_crt ca;
    mbedtls_x509_crt_init(&ca);
    bool good = identity_is_done(mbedtls_x509_crt_parse_file(&ca, identity->ca_path), identity->ca_path);
    mbedtls_x509_crt_free(&ca);
    return good;
}

/* Reads both, so that a broken file is found at the start and not at the first connection. */
static bool read_certificate(px_identity *identity) {
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    const char *path = identity->certificate_path;
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    bool good = identity_is_done(mbedtls_x509_crt_parse_file(&certificate, path), path) &&
                identity_is_done(mbedtls_pk_parse_keyfile(&key, identity->key_path, NULL), identity->key_path) &&
                identity_fits(identity, &certificate, &key, path) &&
                read_device_id(identity->device_id, &certificate, path);
    identity->has_certificate = good;
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificate);
    return good;
}

static bool read_keys(px_identity *identity, const char *path) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    uint8_t bytes[EF_KEY_BUNDLE_MAX];
    size_t length = 0;
    ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, NULL, 0};
    ef_fault fault = {EF_REASON_OK, {0}};
    if (!file_read(path, bytes, sizeof bytes, &length)) {
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

/* Whether a file is to be read: one that a claim can bring may be missing. */
static bool counts(const px_identity *identity, const char *path) {
    return identity->claim_path == NULL || file_is_there(path);
}

static bool take_name(px_identity *identity, const char *device_id) {
    if (device_id == NULL) {
        return true; /* the certificate has it */
    }
    if (strlen(device_id) > EF_DEVICE_ID_MAX || !is_device_id(device_id)) {
        say(LEVEL_ERROR, "identity: '%s' is no device id", device_id);
        return false;
    }
    memcpy(identity->device_id, device_id, strlen(device_id) + 1);
    return true;
}

bool identity_load(px_identity *identity, const char *folder, const char *device_id, const char *claim_path) {
    char keys[FILE_PATH_MAX];
    memset(identity, 0, sizeof *identity);
    identity->folder = folder;
    identity->claim_path = claim_path;
    if (!file_join(identity->ca_path, folder, "ca.crt") ||
        !file_join(identity->certificate_path, folder, "device.crt") ||
        !file_join(identity->key_path, folder, "device.key") || !file_join(keys, folder, "keys.json") ||
        !take_name(identity, device_id) || !read_ca(identity)) {
        return false;
    }
    if ((counts(identity, identity->certificate_path) && !read_certificate(identity)) ||
        (counts(identity, keys) && !read_keys(identity, keys))) {
        return false;
    }
    if (identity->device_id[0] == '\0') {
        say(LEVEL_ERROR, "identity: there is no certificate that says who this is; --device-id does");
        return false;
    }
    return true;
}

bool identity_has_certificate(const px_identity *identity) {
    return identity->has_certificate;
}
