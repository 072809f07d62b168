#include "identity_double.h"

#include <stdio.h>
#include <string.h>

bool identity_claim(const identity_double *identity, char *out, size_t capacity) {
    if (identity->claim == NULL || strlen(identity->claim) >= capacity) {
        return false;
    }
    memcpy(out, identity->claim, strlen(identity->claim) + 1);
    return true;
}

bool identity_request(identity_double *identity, char *pem, size_t capacity, size_t *length) {
    if (identity->fails) {
        return false;
    }
    if (identity->key == 0) {
        identity->key = ++identity->next_key;
        identity->keys_made++;
    }
    /* Signatures differ each time: only the key is the same. */
    int put = snprintf(pem, capacity, "-----BEGIN CERTIFICATE REQUEST-----\nkey %u\nsignature %u\n"
                                      "-----END CERTIFICATE REQUEST-----\n",
                       identity->key, ++identity->requests);
    *length = (size_t)put;
    return put > 0 && (size_t)put < capacity;
}

bool identity_fits(identity_double *identity, const char *pem, size_t length) {
    unsigned key = 0;
    bool good = strlen(pem) == length && length < sizeof identity->certificate &&
                sscanf(pem, "-----BEGIN CERTIFICATE-----\nkey %u\n", &key) == 1 && key == identity->key && key > 0;
    identity->refused += good ? 0 : 1;
    return good;
}

void identity_keep(identity_double *identity, const char *pem, size_t length) {
    memcpy(identity->certificate, pem, length + 1);
    identity->installed = true;
}
