/* A key that never leaves its place, and a certificate beside it, in memory that power cuts leave whole. */
#ifndef EDGEFLEET_TESTS_IDENTITY_DOUBLE_H
#define EDGEFLEET_TESTS_IDENTITY_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *claim; /* NULL: none */
    bool fails;        /* to make a key */
    unsigned key;      /* its number; 0: none yet */
    unsigned next_key;
    char certificate[256];
    bool installed;
    /* What was seen. */
    unsigned keys_made;
    unsigned requests;
    unsigned refused; /* certificates of another key */
} identity_double;

bool identity_claim(const identity_double *identity, char *out, size_t capacity);
bool identity_request(identity_double *identity, char *pem, size_t capacity, size_t *length);

/* Whether a certificate would be taken; it is kept by identity_keep. */
bool identity_fits(identity_double *identity, const char *pem, size_t length);
void identity_keep(identity_double *identity, const char *pem, size_t length);

#endif
