/* Who this board is: its certificate's name, and the keys that provisioning wrote; or, before there is a certificate,
 * the name that it is to have and the claim that it gets one for. */
#ifndef EDGEFLEET_POSIX_IDENTITY_H
#define EDGEFLEET_POSIX_IDENTITY_H

#include <mbedtls/x509_crt.h>

#include "edgefleet/verify.h"
#include "files.h"

typedef struct {
    char device_id[EF_DEVICE_ID_MAX + 1];
    const char *folder;
    const char *claim_path; /* NULL: it has its identity from elsewhere, and asks for none */
    char ca_path[FILE_PATH_MAX];
    char certificate_path[FILE_PATH_MAX];
    char key_path[FILE_PATH_MAX];
    bool has_certificate;
    ef_key_bundle keys; /* none of them until keys.json is there */
} px_identity;

/* Reads ca.crt, device.crt, device.key and keys.json of a folder. With a claim, the last three may be missing, and the
 * device then is `device_id`; else that may be NULL. All three texts are borrowed.
 *
 * Returns false, and has said which file is wrong and why. */
bool identity_load(px_identity *identity, const char *folder, const char *device_id, const char *claim_path);

/* The HAL's calls; all but the first are in enrolment.c. False: said. */
bool identity_has_certificate(const px_identity *identity);
bool identity_claim(const px_identity *identity, char *out, size_t capacity);
bool identity_request(px_identity *identity, char *pem, size_t capacity, size_t *length);
bool identity_install(px_identity *identity, const char *pem, size_t length);

/* For those calls: whether a certificate is for this key and this device; false, and said, when not. */
bool identity_fits(const px_identity *identity, const mbedtls_x509_crt *certificate, const mbedtls_pk_context *key,
                   const char *path);

/* False, and said, when an Mbed TLS call failed. */
bool identity_is_done(int result, const char *path);

#endif
