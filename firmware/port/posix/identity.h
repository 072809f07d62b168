/* Who this board is: its certificate's name, and the keys that provisioning wrote. */
#ifndef EDGEFLEET_POSIX_IDENTITY_H
#define EDGEFLEET_POSIX_IDENTITY_H

#include "edgefleet/verify.h"

#define IDENTITY_PATH_MAX 1024

typedef struct {
    char device_id[EF_DEVICE_ID_MAX + 1];
    char ca_path[IDENTITY_PATH_MAX];
    char certificate_path[IDENTITY_PATH_MAX];
    char key_path[IDENTITY_PATH_MAX];
    ef_key_bundle keys;
} px_identity;

/* Reads ca.crt, device.crt, device.key and keys.json of a folder.
 *
 * Returns false, and has said which file is wrong and why. */
bool identity_load(px_identity *identity, const char *folder);

#endif
